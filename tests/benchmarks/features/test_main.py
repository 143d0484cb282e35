"""`make bench-features`: every row at its quick sizes, except those that start services."""

from __future__ import annotations

import pytest
import typer

from benchmarks.features import __main__, feast, latency, throughput
from benchmarks.features.__main__ import NAMES, ROWS, main
from benchmarks.growth.row import Row
from benchmarks.inference.errors import CannotMeasure
from tests.redis_servers import needs_redis

IN_PROCESS = [row for row in ROWS if row not in (*throughput.ROWS, *latency.ROWS, *feast.ROWS)]


@pytest.mark.parametrize("row", IN_PROCESS, ids=lambda row: str(row.name))
def test_each_row_prints_its_sizes_and_costs(
    row: Row, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_redis()
    for module in ("memory", "redis", "service"):
        monkeypatch.setattr(f"benchmarks.features.{module}.ADDED", 150)

    main([row.name], quick=True)

    title, heading, *lines = capsys.readouterr().out.splitlines()
    assert title == f"{row.name}: {row.title}"
    assert heading.split() == ["events", row.unit, "slope", "exponent"]
    assert [line.split()[0] for line in lines] == ["1,000", "2,000"]


def test_an_unknown_row_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(typer.BadParameter, match=f"^no row is called 'ad'; there are {NAMES}$"):
        main(["ad"])


def test_a_row_that_cannot_be_measured_says_why_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> float:
        raise CannotMeasure("wrk is not installed")

    rows = (
        Row("first", "cannot", "events", "ms", (1,), (1,), fail),
        Row("second", "can", "events", "ms", (1,), (1,), lambda _: 2.5),
    )
    monkeypatch.setattr(__main__, "ROWS", rows)

    main([], quick=True)

    assert capsys.readouterr().out.splitlines() == [
        "first: cannot",
        "      events            ms       slope    exponent",
        "  not measured: wrk is not installed",
        "second: can",
        "      events            ms       slope    exponent",
        "           1         2.500",
    ]
