"""What is seen in a column of unknown data."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest

from training.profile import profile


def column(values: list[Any], dtype: Any = None) -> pl.Series:
    return pl.Series("c", values, dtype=dtype)


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        (["a", "b", "a", None, "NA"], "text", "a (2), b (1)"),
        (["007", "7", "7"], "number", "7 (2), 007 (1)"),
        ([1.5, 2.5, None], "number", "1.5 (1), 2.5 (1)"),
        ([1, 2, 3, 4, 5, 6000], "number", "1 to 6,000"),
        (["1,5", "2"], "number", "1,5 (1), 2 (1)"),
        ([True, False, True], "text", "true (2), false (1)"),
        ([None, "NULL"], "text", ""),
        ([time(10), time(11)], "text", "10:00:00 (1), 11:00:00 (1)"),
        ([date(2026, 1, 1), date(2026, 1, 2)], "time", "2026-01-01 to 2026-01-02"),
        (["2026-01-01T10:00", "2026-01-02"], "time", "2026-01-01T10:00 to 2026-01-02"),
        ([[1], [2]], "unusable", "lists, structs or bytes"),
        ([b"\xff"], "unusable", "lists, structs or bytes"),
        (list("abcdefg"), "text", "a (1), b (1), c (1), d (1), e (1), …"),
        (
            ["line\nbreak", "x" * 50],
            "text",
            "line\\nbreak (1), xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (1)",
        ),
    ],
)
def test_a_column_is_of_a_kind_and_shows_its_values(
    values: list[Any], kind: str, shown: str
) -> None:
    seen = profile(column(values))

    assert (seen.kind, str(seen)) == (kind, shown)


def test_large_amounts_in_few_bits_are_numbers() -> None:
    assert profile(column([1e9, 2.5e9], pl.Float32)).kind == "number"
    assert profile(column([2.0**60, 1.0])).kind == "number"
    assert profile(column([1.5, float("inf")])).kind == "unusable"
    assert profile(column([timedelta(days=1)])).kind == "unusable"


def test_the_counts_are_of_all_rows() -> None:
    seen = profile(column(["a", "b", "a", None, "NA", "c"]))

    assert (seen.rows, seen.missing, seen.distinct) == (6, 2, 3)


@pytest.mark.parametrize(
    ("values", "readings"),
    [
        (["2026-01-01", "2026-01-02"], [{}]),
        ([datetime(2026, 1, 1)], [{}]),
        (["02/03/2026", "03/04/2026"], [{"format": "%d/%m/%Y"}, {"format": "%m/%d/%Y"}]),
        (["02/03/2026", "12/31/2019"], [{"format": "%m/%d/%Y"}]),
        (["31/12/2019", "12/31/2019"], []),
        ([20260101, 20260102], [{"format": "%Y%m%d"}]),
        ([12345678, 12345679], []),
        ([1_700_000_000, 1_700_000_001], [{"unit": "s", "origin": "1970-01-01"}]),
        ([1.7e12, 1.8e12], [{"unit": "ms", "origin": "1970-01-01"}]),
        ([0, 172_792], []),
    ],
)
def test_every_reading_as_a_time_is_found(values: list[Any], readings: list[Any]) -> None:
    assert list(profile(column(values)).readings) == readings


def test_a_format_has_to_fit_rows_beyond_the_first_hundred_too() -> None:
    dates = ["02/03/2026"] * 200

    assert len(profile(column(dates)).readings) == 2
    assert profile(column([*dates, "31/12/2026"])).readings == ({"format": "%d/%m/%Y"},)


def test_whole_numbers_and_decimal_commas_are_seen() -> None:
    assert profile(column(["1", "2.0"])).is_whole
    assert not profile(column([1.5, 2.0])).is_whole
    assert profile(column(["1,5"])).has_decimal_comma
    assert not profile(column(["1.5"])).has_decimal_comma
