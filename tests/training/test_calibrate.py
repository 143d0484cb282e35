"""Calibration: undoing weights, and a sigmoid where it helps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline

from training.calibrate import CalibratedPipeline, Sigmoid, choose_sigmoid, margins, unweighted

LOGISTIC = Sigmoid(1.0, 0.0)


def labelled_log_odds(
    rows: int, slope: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Log-odds, and labels for which `slope` times those log-odds would be correct."""
    random = np.random.default_rng(seed)
    log_odds = random.normal(-3, 2, rows)
    labels = random.random(rows) < Sigmoid(slope, 0.0)(log_odds)
    return log_odds, labels.astype(np.int8)


def test_a_sigmoid_is_the_logistic_function_and_does_not_overflow() -> None:
    log_odds = np.array([0.0, 2.0, -1e6, 1e6])

    assert LOGISTIC(log_odds) == pytest.approx([0.5, 0.8807970779778823, 0.0, 1.0])
    assert Sigmoid(0.5, -1.0)(log_odds)[1] == 0.5


def test_the_weight_of_a_fraud_that_counted_fifty_times_is_undone() -> None:
    half_the_weighted_frauds = np.array([0.0])

    assert unweighted(1.0) == LOGISTIC
    assert unweighted(50.0)(half_the_weighted_frauds)[0] == pytest.approx(1 / 51)


def test_weighted_boosting_gives_the_true_share_of_fraud_again() -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, 2, (40_000, 1)).astype(np.float32)
    labels = (random.random(40_000) < 0.01 + 0.02 * rows[:, 0]).astype(np.int8)
    weighted = HistGradientBoostingClassifier(early_stopping=False, class_weight={0: 1.0, 1: 30.0})
    pipeline = make_pipeline(weighted).fit(rows, labels)

    probabilities = CalibratedPipeline(pipeline, unweighted(30.0)).predict_proba(
        np.array([[0], [1]], np.float32)
    )

    shares = [labels[rows[:, 0] == value].mean() for value in (0, 1)]
    assert probabilities[:, 1] == pytest.approx(shares, abs=1e-3)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1])
    assert pipeline.predict_proba(np.array([[0]], np.float32))[0, 1] > 0.2


def test_overconfident_log_odds_get_the_slope_that_they_need() -> None:
    log_odds, labels = labelled_log_odds(60_000, slope=0.5, seed=1)

    chosen = choose_sigmoid(log_odds, LOGISTIC(log_odds), labels)

    assert chosen is not None
    assert chosen.slope == pytest.approx(0.5, abs=0.02)
    assert chosen.intercept == pytest.approx(0.0, abs=0.05)


def test_what_helps_on_the_later_half_only_by_chance_is_not_used() -> None:
    # The earlier half calls for higher odds; in the later half they are correct as they are.
    log_odds, labels = labelled_log_odds(20_000, slope=1.0, seed=2)
    earlier = labels[:10_000]
    missed = np.flatnonzero(earlier == 0)[::6]
    labels[missed] = 1

    assert choose_sigmoid(log_odds, LOGISTIC(log_odds), labels) is None


def test_a_sigmoid_that_would_reverse_the_ranking_is_not_used() -> None:
    log_odds, labels = labelled_log_odds(20_000, slope=-1.0, seed=3)

    assert choose_sigmoid(log_odds, LOGISTIC(log_odds), labels) is None


def test_without_a_fraud_in_one_half_there_is_no_sigmoid() -> None:
    log_odds, labels = labelled_log_odds(1000, slope=0.5, seed=4)
    labels[:500] = 0

    assert choose_sigmoid(log_odds, LOGISTIC(log_odds), labels) is None


def test_margins_are_log_odds_where_a_model_has_them_and_else_its_probability() -> None:
    rows = np.array([[0.0], [1.0]] * 50, np.float32)
    labels = np.array([0, 1] * 50, np.int8)
    both = np.array([[0.0], [1.0]], np.float32)
    forest = make_pipeline(RandomForestClassifier(5, random_state=0)).fit(rows, labels)
    boosted = make_pipeline(HistGradientBoostingClassifier(max_iter=5)).fit(rows, labels)

    assert margins(forest, both).tolist() == [0.0, 1.0]
    assert LOGISTIC(margins(boosted, both)) == pytest.approx(boosted.predict_proba(both)[:, 1])
