"""Splitting by time: a border that is a moment, and a gap in which no label is known yet."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.places import shared_data
from training.dataset import Dataset, read_dataset
from training.errors import BadInput
from training.split import Split, drop_compromised, prequential_folds, split_by_time, split_data

START = datetime(2026, 1, 1)


def frame_of(hours: list[int], labels: list[int] | None = None) -> pl.DataFrame:
    labels = labels or [row % 2 for row in range(len(hours))]
    return pl.DataFrame(
        {"t": [START + timedelta(hours=hour) for hour in hours], "y": labels, "hour": hours},
        schema_overrides={"t": pl.Datetime("us"), "hour": pl.Int64},
    )


def dataset(delay_days: int = 2, drop_compromised_days: int | None = None) -> Dataset:
    return Dataset.model_validate(
        {
            "label": "y",
            "time": {"column": "t"},
            "amount": "a",
            "entities": {"card": {"drop_compromised_days": drop_compromised_days}},
            "delay_days": delay_days,
            "alert_budget_per_day": 5,
        }
    )


def split(
    frame: pl.DataFrame,
    delay_days: int = 0,
    test_share: float = 0.3,
    names: tuple[str, str] = ("train", "test"),
) -> Split:
    return split_by_time(frame, dataset(delay_days), test_share=test_share, names=names)


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
        ([0] * 7 + [0, 1, 1], "the fitting part of the split contains no fraud"),
        ([1] * 7 + [0, 1, 1], "the fitting part of the split contains no genuine transaction"),
        ([0, 1] * 3 + [0] + [0] * 3, "the validation part of the split contains no fraud"),
        ([0, 1] * 3 + [0] + [1] * 3, "the validation part of the split contains no genuine"),
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
    assert all(time + delay < border for time in parts.train["t"])
    in_gap = frame.filter((pl.col("t") >= border - delay) & (pl.col("t") < border))
    assert pl.concat([parts.train, in_gap, parts.test]).equals(frame)
    assert len(parts.test) >= test_share * len(frame) - 1e-6


def folds_of(frame: pl.DataFrame, folds: int, share: float, delay_days: int) -> tuple[Split, ...]:
    return prequential_folds(frame, dataset(delay_days), folds=folds, share=share)


def test_folds_roll_over_the_last_share_and_learn_from_all_that_is_known() -> None:
    frame = frame_of([24 * day for day in range(20)])

    first, second = folds_of(frame, 2, 0.5, 3)

    day = pl.col("hour") // 24
    assert first.train.select(day)["hour"].to_list() == [0, 1, 2, 3, 4, 5, 6]
    assert first.test.select(day)["hour"].to_list() == [10, 11, 12, 13, 14]
    assert second.train.select(day)["hour"].to_list() == list(range(12))
    assert second.test.select(day)["hour"].to_list() == [15, 16, 17, 18, 19]


def test_a_fold_without_fraud_is_named() -> None:
    frame = frame_of(list(range(20)), [0, 1] * 5 + [0] * 5 + [0, 1] * 2 + [1])

    with pytest.raises(BadInput, match="the fold 1 test part of the split contains no fraud"):
        folds_of(frame, 2, 0.5, 0)


@given(
    hours=st.lists(st.integers(0, 24 * 60), min_size=2, max_size=80).map(sorted),
    labels=st.lists(st.integers(0, 1), min_size=80, max_size=80),
    delay_days=st.integers(0, 5),
    folds=st.integers(1, 4),
    share=st.floats(0.05, 0.9),
)
def test_no_fold_uses_a_label_before_it_is_known_and_the_tests_follow_each_other(
    hours: list[int], labels: list[int], delay_days: int, folds: int, share: float
) -> None:
    frame = frame_of(hours, labels[: len(hours)])
    try:
        splits = folds_of(frame, folds, share, delay_days)
    except BadInput:
        return
    assert len(splits) == folds
    for fold in splits:
        border = fold.test["t"].min()
        assert isinstance(border, datetime)
        assert all(time + timedelta(days=delay_days) < border for time in fold.train["t"])
    tested = pl.concat([fold.test for fold in splits])
    assert tested.equals(frame.tail(len(tested)))


def payments(rows: list[tuple[float, str | None, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "t": [START + timedelta(days=day) for day, _, _ in rows],
            "card": [card for _, card, _ in rows],
            "y": [label for _, _, label in rows],
        },
        schema_overrides={"t": pl.Datetime("us"), "card": pl.String},
    )


def left(test: list[tuple[float, str | None, int]], *, since_days: int = 9) -> list[float]:
    before = [(0.5, "old", 1), (1.5, "early", 1), (6.5, "late", 1), (9.5, None, 1)]
    frame, rows = payments([*before, *test]), payments(test)
    kept = drop_compromised(rows, frame, dataset(drop_compromised_days=since_days))
    return [(time - START) / timedelta(days=1) for time in kept["t"]]


def test_a_card_is_dropped_from_the_day_on_at_whose_start_its_fraud_is_known() -> None:
    # Test days begin with day 10. A fraud on day 6 is known when day 9 begins.
    assert left([(10.2, "early", 0), (10.3, "late", 0), (10.4, "new", 0)]) == [10.4]
    # A fraud in the test itself, on day 10, is known when day 13 begins.
    assert left([(10.2, "new", 1), (12.9, "new", 0), (13.0, "new", 0), (14.0, "b", 0)]) == [
        10.2,
        12.9,
        14.0,
    ]


def test_frauds_before_the_days_that_count_and_unknown_cards_drop_nothing() -> None:
    assert left([(10.2, "old", 0), (10.3, None, 0), (20.3, None, 0)]) == [10.2, 10.3, 20.3]
    assert left([(10.2, "early", 0), (10.3, "late", 0)], since_days=5) == [10.2]


def test_the_data_set_file_says_whether_to_drop() -> None:
    rows: list[tuple[float, str | None, int]] = [
        (day / 2, "bad" if day % 3 == 0 else f"card {day}", int(day % 3 == 0 or day == 37))
        for day in range(40)
    ]
    frame = payments(rows)

    kept = split_data(frame, dataset())
    dropped = split_data(frame, dataset(drop_compromised_days=9))

    assert "bad" in kept.test["card"]
    assert dropped.test.equals(kept.test.filter(pl.col("card") != "bad"))
    assert dropped.train.equals(kept.train)


def test_where_all_frauds_are_dropped_the_test_part_is_named() -> None:
    frame = payments([(day / 2, "bad", day % 2) for day in range(40)])

    with pytest.raises(BadInput, match="the test part of the split has no rows"):
        split_data(frame, dataset(drop_compromised_days=9))


def test_the_books_test_week_has_the_books_rows() -> None:
    frame = pl.read_parquet(shared_data("handbook_transactions.parquet")).sort("TX_DATETIME")
    week = frame.filter(
        pl.col("TX_DATETIME").is_between(datetime(2018, 8, 8), datetime(2018, 8, 15), "left")
    )

    kept = drop_compromised(week, frame, read_dataset("handbook"))

    assert (len(kept), kept["TX_FRAUD"].sum()) == (58_264, 385)
