"""The Handbook's protocol, on its own data where the machine has it."""

from __future__ import annotations

import pytest

from benchmarks.handbook import (
    BOOK,
    BOOK_TRAIN_DAYS,
    EARLIER_WEEKS,
    FOUR_WEEKS,
    OUR_TRAIN_DAYS,
    OURS,
    TEST_WEEK,
    WEEK,
    evaluate_week,
    measure,
    read_handbook,
    rows_by_customer,
    week_split,
    with_fewer_genuine,
)
from tests.places import shared_data
from training.calibrate import margins
from training.contract_writer import describe_inputs
from training.fit import Recipe, encode


def test_logistic_regression_gives_the_books_numbers() -> None:
    shared_data("handbook_transactions.parquet")
    data = read_handbook("handbook")

    split = week_split(data, TEST_WEEK, BOOK_TRAIN_DAYS)
    week = evaluate_week(data, BOOK, TEST_WEEK, BOOK_TRAIN_DAYS)

    assert (len(split.train), len(split.test)) == (67_240, 58_264)
    assert (split.train["TX_FRAUD"].sum(), split.test["TX_FRAUD"].sum()) == (598, 385)
    assert week.average_precision == pytest.approx(0.606, abs=0.003)
    assert week.card_precision == pytest.approx(0.291, abs=0.003)
    assert week.roc_auc == pytest.approx(0.871, abs=0.003)


def test_a_small_model_of_ours_beats_the_books_best_on_an_earlier_week() -> None:
    shared_data("handbook_transactions.parquet")
    data = read_handbook("handbook_extended")
    split = with_fewer_genuine(week_split(data, EARLIER_WEEKS[-1], OUR_TRAIN_DAYS), 0.05)
    inputs = describe_inputs(data, split.train)
    small = Recipe(OURS.model, {**OURS.parameters, "max_iter": 60, "learning_rate": 0.1}, 0)

    pipeline = small.fit_pipeline(data, split.train, inputs)

    scores = margins(pipeline, encode(split.test, inputs)).astype("float32")
    measured = measure(rows_by_customer(data, split.test), scores)
    assert measured.average_precision > 0.72


def test_the_parameters_are_chosen_before_the_first_label_of_the_test_week_is_known() -> None:
    assert max(EARLIER_WEEKS) + 2 * WEEK == TEST_WEEK == FOUR_WEEKS[0]
    assert len(EARLIER_WEEKS) == len(FOUR_WEEKS) == 4
