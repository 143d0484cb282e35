"""Which values an input can have, by what it is."""

from __future__ import annotations

import pytest

from features.ranges import FLOAT32_MAX, Range, possible_range
from registry.model.contract import Aggregate, CalendarPart, HistoryFeature


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        ("count", Range(0, FLOAT32_MAX)),
        ("mean_amount", Range(-FLOAT32_MAX, FLOAT32_MAX)),
        ("risk", Range(0, 1)),
        ("amount_ratio", Range(-FLOAT32_MAX, 1000)),
        ("days_since_fraud", Range(0, 37)),
    ],
)
def test_a_history_feature_has_the_range_of_its_aggregate(
    aggregate: Aggregate, expected: Range
) -> None:
    feature = HistoryFeature(
        name="a", entity="card", aggregate=aggregate, window_days=30, delay_days=7
    )

    assert possible_range(feature, None) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [("hour", Range(0, 23)), ("night", Range(0, 1)), (None, Range(-FLOAT32_MAX, FLOAT32_MAX))],
)
def test_a_part_of_the_time_has_its_range_and_any_other_number_that_of_a_float32(
    part: CalendarPart | None, expected: Range
) -> None:
    assert possible_range(None, part) == expected
