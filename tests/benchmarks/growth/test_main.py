"""`make bench-growth`: every row at its quick sizes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

from benchmarks.growth.__main__ import NAMES, ROWS, chosen_rows, main
from benchmarks.growth.row import Row
from tests.places import REPOSITORY

SLOW = {"gates-37-days", "gates-1036-days", "training", "verify-again"}
"""Those that take tens of seconds at quick sizes too."""


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.name, marks=[pytest.mark.slow] * (row.name in SLOW)) for row in ROWS],
)
def test_each_row_prints_size_cost_and_exponent(
    row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    main([row.name])
    title, heading, *lines = capsys.readouterr().out.splitlines()
    assert title == f"{row.name}: {row.title}"
    assert heading.split() == [*row.counted.split(), row.unit, "slope", "exponent"]
    sizes = [f"{size:,}" for size in row.quick]
    assert [line.split()[0] for line in lines] == sizes
    assert re.fullmatch(r" +[\d,]+ +[\d,]+\.\d{3}", lines[0])
    for line in lines[1:]:
        assert re.fullmatch(r" +[\d,]+ +[\d,]+\.\d{3} +-?\d\.\d\de[+-]\d\d +-?\d+\.\d\d", line)


def test_rows_have_names_of_their_own_and_rising_sizes() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        for sizes in (row.quick, row.full):
            assert list(sizes) == sorted(set(sizes))
            assert len(sizes) > 1


def test_all_rows_are_measured_if_none_is_named() -> None:
    assert chosen_rows([]) == list(ROWS)


def test_an_unknown_row_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(typer.BadParameter, match=f"^no row is called 'reed'; there are {NAMES}$"):
        chosen_rows(["read", "reed"])


def test_the_help_has_an_example() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "make bench-growth ARGS=" in shown
