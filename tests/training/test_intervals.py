"""Measures under weights against the measures themselves, and what their intervals say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.evaluation.measures import detection
from registry.evaluation.metrics import Costs, LabelledRows
from training.intervals import estimates, likely

COSTS = Costs(budget_per_day=2, per_alert=5.0)
THRESHOLD = 0.5


def made(
    count: int, frauds: int, *, seed: int = 3, clusters: NDArray[np.int64] | None = None
) -> tuple[LabelledRows, NDArray[np.float32]]:
    """Rows over five days with amounts, and probabilities that see something."""
    generator = np.random.default_rng(seed)
    labels = np.zeros(count, dtype=np.int8)
    labels[generator.choice(count, frauds, replace=False)] = 1
    amounts = np.round(generator.exponential(50, count), 2)
    rows = LabelledRows(labels, generator.integers(0, 5, count), amounts, clusters)
    seen = generator.normal(size=count) + 2 * labels - 2
    return rows, (1 / (1 + np.exp(-seen))).astype(np.float32)


def test_values_by_hand() -> None:
    rows = LabelledRows(
        np.array([1, 0, 1, 0], dtype=np.int8),
        np.array([0, 0, 1, 1]),
        np.array([100.0, 10, 80, 20]),
    )
    scores = np.array([0.75, 0.5, 0.25, 0.0], dtype=np.float32)
    found = {name: one.value for name, one in estimates(rows, scores, COSTS, THRESHOLD).items()}
    assert found["brier_score"] == (0.0625 + 0.25 + 0.5625 + 0) / 4
    assert found["threshold_precision"] == 0.5
    assert found["threshold_recall"] == 0.5
    assert found["threshold_alerts_per_day"] == 1.0
    assert found["threshold_money_saved_per_day"] == (100 - 2 * 5) / 2
    assert found["calibration_error"] == pytest.approx((0.25 + 0.5 + 0.75 + 0) / 4)


def test_values_are_those_of_the_gates() -> None:
    rows, scores = made(2000, 60)
    found = {name: one.value for name, one in estimates(rows, scores, COSTS, THRESHOLD).items()}
    for name, value in detection(rows, scores, COSTS).items():
        assert found[name] == value


def test_card_precision_is_there_where_the_rows_name_customers() -> None:
    clusters = np.arange(400) % 80
    with_customers = estimates(*made(400, 30, clusters=clusters), COSTS, THRESHOLD)
    without = estimates(*made(400, 30), COSTS, THRESHOLD)
    assert with_customers.keys() - without.keys() == {"card_precision"}
    assert 0 < with_customers["card_precision"].value <= 1


def repeated(rows: LabelledRows, times: NDArray[np.uint8] | int) -> LabelledRows:
    return LabelledRows(
        np.repeat(rows.labels, times), np.repeat(rows.days, times), np.repeat(rows.amounts, times)
    )


def test_intervals_hold_their_values_and_come_out_the_same_again() -> None:
    rows, scores = made(3000, 100)
    first, again = (estimates(rows, scores, COSTS, THRESHOLD) for _ in range(2))
    assert first == again
    for name, one in first.items():
        if name != "calibration_error":
            assert one.lower <= one.value <= one.upper, name
    assert first["threshold_recall"].upper - first["threshold_recall"].lower > 0.1


def test_an_interval_of_a_share_is_as_wide_as_the_binomial_distribution_says() -> None:
    rows, scores = made(4000, 200)
    found = estimates(rows, scores, COSTS, THRESHOLD)["threshold_recall"]
    error = np.sqrt(found.value * (1 - found.value) / 200)
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_rows_of_one_customer_that_are_alike_make_intervals_wider() -> None:
    rows, scores = made(300, 40)
    ten = repeated(rows, 10)
    alone = estimates(ten, np.repeat(scores, 10), COSTS, THRESHOLD)
    owned = replace(ten, clusters=np.repeat(np.arange(300), 10))
    together = estimates(owned, np.repeat(scores, 10), COSTS, THRESHOLD)
    one, other = alone["threshold_recall"], together["threshold_recall"]
    assert other.upper - other.lower > 2 * (one.upper - one.lower)


def test_resamples_that_cannot_tell_are_left_out() -> None:
    drawn = np.array([np.nan, *np.linspace(0, 1, 101), np.nan])
    found = likely(0.5, drawn)
    assert found.value == 0.5
    assert (found.lower, found.upper) == pytest.approx((0.025, 0.975))


def test_a_model_that_says_the_same_of_all_rows_has_measures_too() -> None:
    rows, _ = made(400, 40)
    found = estimates(rows, np.full(400, 0.25, dtype=np.float32), COSTS, 1.0)
    assert found["roc_auc"].value == 0.5
    assert found["average_precision"].value == pytest.approx(0.1)
    assert found["calibration_error"].value == pytest.approx(0.15)
    assert found["threshold_precision"].value == 0.0
    assert found["threshold_recall"].value == 0.0
