"""The values of measures with their intervals, and how wide the intervals are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.evaluation.measures import detection
from registry.evaluation.metrics import Costs, LabelledRows
from training.intervals import estimates, with_interval

COSTS = Costs(budget_per_day=2, per_alert=5.0)
THRESHOLD = 0.5


def scored_rows(
    count: int, frauds: int, *, seed: int = 3, clusters: NDArray[np.int64] | None = None
) -> tuple[LabelledRows, NDArray[np.float32]]:
    """Rows over five days with amounts, and informative probabilities."""
    generator = np.random.default_rng(seed)
    labels = np.zeros(count, dtype=np.int8)
    labels[generator.choice(count, frauds, replace=False)] = 1
    amounts = np.round(generator.exponential(50, count), 2)
    rows = LabelledRows(labels, generator.integers(0, 5, count), amounts, clusters)
    log_odds = generator.normal(size=count) + 2 * labels - 2
    return rows, (1 / (1 + np.exp(-log_odds))).astype(np.float32)


def values_of(
    rows: LabelledRows, scores: NDArray[np.float32], threshold: float = THRESHOLD
) -> dict[str, float]:
    measured = estimates(rows, scores, COSTS, threshold)
    return {name: estimate.value for name, estimate in measured.items()}


def test_values_by_hand() -> None:
    rows = LabelledRows(
        np.array([1, 0, 1, 0], dtype=np.int8),
        np.array([0, 0, 1, 1]),
        np.array([100.0, 10, 80, 20]),
    )
    scores = np.array([0.75, 0.5, 0.25, 0.0], dtype=np.float32)
    values = values_of(rows, scores)
    assert values["brier_score"] == (0.0625 + 0.25 + 0.5625 + 0) / 4
    assert values["threshold_precision"] == 0.5
    assert values["threshold_recall"] == 0.5
    assert values["threshold_alerts_per_day"] == 1.0
    assert values["threshold_money_saved_per_day"] == (100 - 2 * 5) / 2
    assert values["calibration_error"] == pytest.approx((0.25 + 0.5 + 0.75 + 0) / 4)


def test_values_are_those_of_the_gates() -> None:
    rows, scores = scored_rows(2000, 60)
    values = values_of(rows, scores)
    for name, value in detection(rows, scores, COSTS).items():
        assert values[name] == value


def test_card_precision_is_measured_if_the_rows_identify_customers() -> None:
    clusters = np.arange(400) % 80
    with_customers = estimates(*scored_rows(400, 30, clusters=clusters), COSTS, THRESHOLD)
    without = estimates(*scored_rows(400, 30), COSTS, THRESHOLD)
    assert with_customers.keys() - without.keys() == {"card_precision"}
    assert 0 < with_customers["card_precision"].value <= 1


def repeated(rows: LabelledRows, times: NDArray[np.uint8] | int) -> LabelledRows:
    return LabelledRows(
        np.repeat(rows.labels, times), np.repeat(rows.days, times), np.repeat(rows.amounts, times)
    )


def test_intervals_contain_their_values_and_are_reproducible() -> None:
    rows, scores = scored_rows(3000, 100)
    first, second = (estimates(rows, scores, COSTS, THRESHOLD) for _ in range(2))
    assert first == second
    for name, estimate in first.items():
        assert estimate.lower <= estimate.value <= estimate.upper, name
    assert first["threshold_recall"].upper - first["threshold_recall"].lower > 0.1


def test_an_interval_of_a_share_is_as_wide_as_the_binomial_distribution_says() -> None:
    rows, scores = scored_rows(4000, 200)
    recall = estimates(rows, scores, COSTS, THRESHOLD)["threshold_recall"]
    error = np.sqrt(recall.value * (1 - recall.value) / 200)
    assert recall.upper - recall.lower == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_similar_rows_of_one_customer_make_intervals_wider() -> None:
    rows, scores = scored_rows(300, 40)
    ten = repeated(rows, 10)
    alone = estimates(ten, np.repeat(scores, 10), COSTS, THRESHOLD)
    owned = replace(ten, clusters=np.repeat(np.arange(300), 10))
    together = estimates(owned, np.repeat(scores, 10), COSTS, THRESHOLD)
    narrow, wide = alone["threshold_recall"], together["threshold_recall"]
    assert wide.upper - wide.lower > 2 * (narrow.upper - narrow.lower)


def test_resamples_that_do_not_determine_the_measure_are_left_out() -> None:
    resamples = np.array([np.nan, *np.linspace(0, 1, 101), np.nan])
    estimate = with_interval(0.5, resamples, "score")
    assert estimate.value == 0.5
    assert (estimate.lower, estimate.upper) == pytest.approx((0.025, 0.975))


def test_resamples_that_are_biased_are_moved_to_the_value() -> None:
    """As the precision of the highest 50: 92.1 % with an interval of 88.0 % to 92.0 %."""
    below = with_interval(0.921, np.linspace(0.88, 0.92, 101), "share")
    assert (below.lower, below.upper) == pytest.approx((0.902, 0.940), abs=1e-9)
    at_the_bound = with_interval(0.99, np.linspace(0.88, 0.98, 101), "share")
    assert (at_the_bound.lower, at_the_bound.upper) == pytest.approx((0.9425, 1.0))


def test_resamples_that_all_agree_make_no_interval() -> None:
    estimate = with_interval(1.0, np.ones(100), "share")
    assert estimate.value == 1.0
    assert not estimate.has_interval


@pytest.mark.parametrize(
    ("caught", "without"),
    [(50, set[str]()), (80, {"roc_auc"}), (99, {"average_precision", "roc_auc"})],
)
def test_a_ranking_too_close_to_a_perfect_one_has_no_interval(
    caught: int, without: set[str]
) -> None:
    """Of 100 frauds so many are ranked above all other rows, and the rest at random."""
    rows, scores = scored_rows(3000, 100)
    scores = (scores / 2).astype(np.float32)
    scores[np.flatnonzero(rows.labels)[:caught]] += 0.5
    found = estimates(rows, scores, COSTS, 0.25)
    ranked = {"average_precision", "roc_auc"}
    assert {name for name in ranked if not found[name].has_interval} == without


def test_a_model_with_one_score_for_all_rows_has_measures_too() -> None:
    rows, _ = scored_rows(400, 40)
    values = values_of(rows, np.full(400, 0.25, dtype=np.float32), threshold=1.0)
    assert values["roc_auc"] == 0.5
    assert values["average_precision"] == pytest.approx(0.1)
    assert values["calibration_error"] == pytest.approx(0.15)
    assert values["threshold_precision"] == 0.0
    assert values["threshold_recall"] == 0.0
