"""`make bench-features`: every row at its quick sizes."""

from __future__ import annotations

import pytest
import typer

from benchmarks.features.__main__ import NAMES, ROWS, main
from benchmarks.growth.row import Row
from tests.redis_servers import needs_redis


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.name))
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
