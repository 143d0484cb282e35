"""Each measure by hand, against scikit-learn, and under weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from registry.evaluation.measures import (
    MEASURES,
    Measure,
    calibration_error,
    detection,
    measures_of,
)
from registry.evaluation.metrics import Costs, LabelledRows, alerts_within_budget
from registry.evaluation.ranking import Ranking

COSTS = Costs(budget_per_day=2, per_alert=5.0)

Scores = NDArray[np.float32]


def rows_of(labels: list[int], days: list[int], amounts: list[float]) -> LabelledRows:
    return LabelledRows(np.array(labels, np.int8), np.array(days, np.int64), np.array(amounts))


def test_detection_by_hand() -> None:
    # By falling score: fraud, genuine, fraud, genuine; one alert on each of two days: the fraud of
    # 120 is caught, the one of 80 is missed, and each of the two alerts costs 5.
    measured = detection(
        rows_of([1, 0, 1, 0], [1, 2, 2, 1], [120, 10, 80, 20]),
        np.array([0.9, 0.8, 0.4, 0.1], dtype=np.float32),
        Costs(budget_per_day=1, per_alert=5),
    )
    assert measured == {
        "average_precision": 1 / 2 * 1 + 1 / 2 * 2 / 3,
        "roc_auc": 0.75,
        "budget_precision": 0.5,
        "budget_recall": 0.5,
        "money_saved_per_day": (120 - 2 * 5) / 2,
    }


def test_a_budget_for_every_row_finds_every_fraud_and_pays_for_every_alert() -> None:
    scores = np.array([0.1, 0.9, 0.8, 0.7], dtype=np.float32)
    measured = detection(rows_of([1, 0, 0, 0], [0] * 4, [30, 1, 1, 1]), scores, Costs(100, 10))
    assert (measured["budget_precision"], measured["budget_recall"]) == (0.25, 1.0)
    assert measured["money_saved_per_day"] == 30 - 4 * 10


def test_alerts_that_catch_nothing_cost_money() -> None:
    scores = np.array([0.1, 0.9], dtype=np.float32)
    measured = detection(rows_of([1, 0], [0, 0], [1000, 1]), scores, Costs(1, 5))
    assert (measured["budget_recall"], measured["money_saved_per_day"]) == (0.0, -5.0)


def test_alerts_that_cost_nothing_save_what_they_catch() -> None:
    scores = np.array([0.9, 0.1], dtype=np.float32)
    measured = detection(rows_of([1, 0], [0, 1], [1000, 1]), scores, Costs(1, 0))
    assert measured["money_saved_per_day"] == 500.0


def test_the_gates_compare_these_measures() -> None:
    assert {measure.name for measure in measures_of("no_worse")} == {
        "average_precision",
        "roc_auc",
        "budget_precision",
        "budget_recall",
        "money_saved_per_day",
    }
    assert [measure.name for measure in measures_of("slices")] == ["average_precision"]
    assert [measure.name for measure in measures_of("calibration")] == ["calibration_error"]


@pytest.mark.parametrize(
    ("measure", "phrase"),
    [
        ("average_precision", "average precision"),
        ("roc_auc", "ROC AUC"),
        ("budget_recall", "alert-budget recall"),
        ("money_saved_per_day", "money saved per day"),
    ],
)
def test_a_measure_has_a_name_for_use_in_a_sentence(measure: str, phrase: str) -> None:
    assert MEASURES[measure].phrase == phrase


def error_of(labels: NDArray[np.int8], scores: Scores, bins: int = 10) -> float:
    rows = LabelledRows(labels, np.zeros(len(labels), np.int64), np.ones(len(labels)))
    return calibration_error(Ranking(rows, scores, COSTS).weighted(), bins)


def test_calibration_error_by_hand() -> None:
    # Two bins of two rows: |0.1875 - 0| and |0.6875 - 0.5|.
    labels = np.array([1, 0, 0, 0], dtype=np.int8)
    scores = np.array([0.75, 0.125, 0.625, 0.25], dtype=np.float32)
    error = error_of(labels, scores, bins=2)
    assert error == pytest.approx((0.1875 + 0.1875) / 2)


def test_scores_that_are_the_share_of_fraud_have_no_calibration_error() -> None:
    labels = np.array([1, 0, 0, 0], dtype=np.int8)
    assert error_of(labels, np.full(4, 0.25, dtype=np.float32), bins=1) == 0.0


def test_fewer_rows_than_bins_are_a_bin_each() -> None:
    labels, scores = np.array([1, 0], dtype=np.int8), np.array([0.75, 0.5], dtype=np.float32)
    assert error_of(labels, scores) == pytest.approx((0.25 + 0.5) / 2)


@st.composite
def cases(draw: st.DrawFn) -> tuple[LabelledRows, Scores]:
    """Rows over three days with both labels, and scores that often tie."""
    count = draw(st.integers(2, 40))
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    assume(len(set(labels)) == 2)
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = LabelledRows(
        np.array(labels, dtype=np.int8),
        generator.integers(0, 3, count),
        np.round(generator.exponential(50, count), 2),
    )
    different = draw(st.integers(1, 12))
    return rows, generator.integers(0, different, count).astype(np.float32)


@given(cases())
@settings(max_examples=200, deadline=None)
def test_unit_weights_give_scikit_learns_numbers(case: tuple[LabelledRows, Scores]) -> None:
    rows, scores = case
    found = detection(rows, scores, COSTS)
    assert found["average_precision"] == pytest.approx(
        average_precision_score(rows.labels, scores), abs=1e-12
    )
    assert found["roc_auc"] == pytest.approx(roc_auc_score(rows.labels, scores), abs=1e-12)
    alerts = alerts_within_budget(scores, rows.days, COSTS.budget_per_day)
    caught = alerts & (rows.labels == 1)
    assert found["budget_precision"] == pytest.approx(caught.sum() / alerts.sum(), abs=1e-9)
    assert found["budget_recall"] == pytest.approx(caught.sum() / rows.labels.sum(), abs=1e-9)
    saved = rows.amounts[caught].sum() - COSTS.per_alert * alerts.sum()
    assert found["money_saved_per_day"] == pytest.approx(
        saved / len(np.unique(rows.days)), abs=1e-9
    )


def measured(
    measure: Measure, rows: LabelledRows, scores: Scores, weights: NDArray[np.uint8]
) -> float:
    return measure.value(Ranking(rows, scores, COSTS, threshold=0.5).weighted(weights))


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "card_precision"])
@given(cases(), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_a_weight_is_as_good_as_that_many_copies_of_the_row(
    name: str, case: tuple[LabelledRows, Scores], seed: int
) -> None:
    rows, scores = case
    scores = (scores / 12).astype(np.float32)
    weights = np.random.default_rng(seed).integers(0, 4, len(scores), dtype=np.uint8)
    labels, days = np.repeat(rows.labels, weights), np.repeat(rows.days, weights)
    assume(len(np.unique(labels)) == 2)
    # Money and alerts are per day of all rows, also where a resample leaves a day empty.
    assume(len(np.unique(days)) == len(np.unique(rows.days)))
    copies = LabelledRows(labels, days, np.repeat(rows.amounts, weights))
    once = np.ones(len(labels), dtype=np.uint8)
    expected = measured(MEASURES[name], copies, np.repeat(scores, weights), once)
    assert measured(MEASURES[name], rows, scores, weights) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in MEASURES if name.startswith("threshold")])
def test_what_happens_at_the_threshold_needs_one(name: str) -> None:
    ranking = Ranking(rows_of([1, 0], [0, 0], [1, 1]), np.array([1, 0], np.float32), COSTS)
    with pytest.raises(ValueError, match="threshold"):
        MEASURES[name].value(ranking.weighted())
