"""Splitting by time: a border that is a moment, and a gap in which no label is known yet."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import BadInput
from training.split import Split, split_by_time

START = datetime(2026, 1, 1)


def frame_of(hours: list[int], labels: list[int] | None = None) -> pl.DataFrame:
    labels = labels or [row % 2 for row in range(len(hours))]
    return pl.DataFrame(
        {"t": [START + timedelta(hours=hour) for hour in hours], "y": labels, "hour": hours},
        schema_overrides={"t": pl.Datetime("us"), "hour": pl.Int64},
    )


def split(
    frame: pl.DataFrame,
    delay_days: float = 0,
    test_share: float = 0.3,
    names: tuple[str, str] = ("train", "test"),
) -> Split:
    return split_by_time(
        frame, time="t", label="y", delay_days=delay_days, test_share=test_share, names=names
    )


def test_the_last_share_of_the_rows_is_the_test() -> None:
    parts = split(frame_of(list(range(10))))

    assert parts.train["hour"].to_list() == [0, 1, 2, 3, 4, 5, 6]
    assert parts.test["hour"].to_list() == [7, 8, 9]


def test_rows_of_the_same_moment_fall_on_the_same_side() -> None:
    parts = split(frame_of([0, 1, 2, 3, 4, 5, 7, 7, 7, 9]))

    assert parts.train["hour"].to_list() == [0, 1, 2, 3, 4, 5]
    assert parts.test["hour"].to_list() == [7, 7, 7, 9]


def test_rows_within_the_delay_before_the_border_belong_to_neither_part() -> None:
    hours = [12 * half_day for half_day in range(20)]  # the border is hour 168, day 7

    parts = split(frame_of(hours), delay_days=2)

    assert parts.train["hour"].to_list() == [0, 12, 24, 36, 48, 60, 72, 84, 96, 108]
    assert parts.test["hour"].to_list() == [168, 180, 192, 204, 216, 228]


def test_a_label_that_is_known_exactly_at_the_border_comes_too_late() -> None:
    parts = split(frame_of([0, 1, 24, 25, 26, 27, 28, 48, 49, 50]), delay_days=1)

    assert parts.train["hour"].to_list() == [0, 1]
    assert parts.test["hour"].to_list() == [48, 49, 50]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0] * 7 + [0, 1, 1], "the fitting part of the split holds no fraud"),
        ([1] * 7 + [0, 1, 1], "the fitting part of the split holds no genuine transaction"),
        ([0, 1] * 3 + [0] + [0] * 3, "the validation part of the split holds no fraud"),
        ([0, 1] * 3 + [0] + [1] * 3, "the validation part of the split holds no genuine"),
    ],
)
def test_a_part_with_one_label_only_is_named(labels: list[int], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        split(frame_of(list(range(10)), labels), names=("fitting", "validation"))


def test_a_delay_longer_than_the_data_leaves_nothing_to_train_on() -> None:
    with pytest.raises(BadInput) as caught:
        split(frame_of(list(range(10))), delay_days=7)

    assert str(caught.value) == (
        "the train part of the split has no rows: the data covers 2026-01-01 00:00:00 to "
        "2026-01-01 09:00:00, the label delay is 7 days"
    )


@given(
    hours=st.lists(st.integers(0, 24 * 60), min_size=2, max_size=80).map(sorted),
    labels=st.lists(st.integers(0, 1), min_size=80, max_size=80),
    delay_days=st.integers(0, 20),
    test_share=st.floats(0.01, 0.99),
)
def test_no_label_is_used_before_it_is_known_and_only_the_gap_is_lost(
    hours: list[int], labels: list[int], delay_days: int, test_share: float
) -> None:
    frame = frame_of(hours, labels[: len(hours)])
    try:
        parts = split(frame, delay_days, test_share)
    except BadInput:
        return
    delay = timedelta(days=delay_days)
    border = parts.test["t"].min()
    assert isinstance(border, datetime)
    assert all(one + delay < border for one in parts.train["t"])
    in_gap = frame.filter((pl.col("t") >= border - delay) & (pl.col("t") < border))
    assert pl.concat([parts.train, in_gap, parts.test]).equals(frame)
    assert len(parts.test) >= test_share * len(frame) - 1e-6
