"""The time of a transaction as clients and files write it."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from features.times import micros_of
from tests.contracts import FORM
from tests.training.keys import dataset
from training.times import as_time

NAIVE = FORM.model_copy(update={"zoned": False})
COUNTED = FORM.model_copy(update={"unit": "ms", "origin": date(2026, 1, 1)})
NOON = 1_772_452_800_000_000
"""2 March 2026, 12:00 in UTC."""


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T12:00:00Z",
        "2026-03-02 12:00:00+00:00",
        "2026-03-02T13:00+01:00",
        "2026-03-02T12:00:00.000000999Z",
    ],
)
def test_a_time_with_an_offset_is_a_moment(text: str) -> None:
    assert micros_of(text, FORM) == NOON


def test_a_time_without_one_is_as_in_the_data() -> None:
    assert micros_of("2026-03-02T12:00:00", NAIVE) == NOON
    with pytest.raises(ValueError, match="has an offset from UTC, but the times that the model"):
        micros_of("2026-03-02T12:00:00Z", NAIVE)


@pytest.mark.parametrize("number", [5_227_200_000, 5_227_200_000.0, 0.0005, 1.4995, 12.3456789])
def test_a_number_is_rounded_as_training_rounds_it(number: float) -> None:
    described = dataset(time={"column": "t", "unit": "ms", "origin": "2026-01-01"})
    expected = as_time(pl.Series("t", [number], dtype=pl.Float64), described)

    assert micros_of(number, COUNTED) == expected.to_physical()[0]


@pytest.mark.parametrize("value", [True, None, [], 1e300, -(10**400), "5"])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"should be|is too far from the origin"):
        micros_of(value, COUNTED)
