"""How well scores find fraud, on numbers small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.metrics import Detection, alerts_within_budget, budget_threshold, detection

scored_days = st.lists(
    st.tuples(st.integers(-2, 2), st.integers(0, 8).map(lambda eighths: eighths / 8)),
    min_size=1,
    max_size=40,
)
probabilities = st.lists(
    st.integers(0, 15).map(lambda sixteenths: sixteenths / 16), min_size=1, max_size=40
)


def alerts(scores: list[float], days: list[int], budget: int) -> list[bool]:
    chosen = alerts_within_budget(
        np.array(scores, dtype=np.float32), np.array(days, dtype=np.int64), budget
    )
    return [bool(one) for one in chosen]


def test_each_day_has_its_own_budget() -> None:
    scores = [0.1, 0.9, 0.8, 0.7, 0.2]
    assert alerts(scores, [1, 1, 1, 2, 2], 1) == [False, True, False, True, False]
    assert alerts(scores, [1, 1, 1, 2, 2], 2) == [False, True, True, True, True]


def test_days_need_not_come_in_order() -> None:
    assert alerts([0.1, 0.9, 0.2, 0.3], [7, 3, 7, 3], 1) == [False, True, True, False]


def test_of_equal_scores_the_earlier_row_becomes_the_alert() -> None:
    assert alerts([0.5, 0.5, 0.5], [1, 1, 1], 2) == [True, True, False]


def test_detection_by_hand() -> None:
    # By falling score: fraud, genuine, fraud, genuine; one alert on each of two days.
    measured = detection(
        np.array([1, 0, 1, 0], dtype=np.int8),
        np.array([0.9, 0.8, 0.4, 0.1], dtype=np.float32),
        np.array([1, 2, 2, 1], dtype=np.int64),
        1,
    )
    assert measured == Detection(
        average_precision=1 / 2 * 1 + 1 / 2 * 2 / 3,
        roc_auc=0.75,
        budget_precision=0.5,
        budget_recall=0.5,
    )


def test_a_budget_for_every_row_finds_every_fraud() -> None:
    labels = np.array([1, 0, 0, 0], dtype=np.int8)
    scores = np.array([0.1, 0.9, 0.8, 0.7], dtype=np.float32)
    measured = detection(labels, scores, np.zeros(4, dtype=np.int64), 100)
    assert (measured.budget_precision, measured.budget_recall) == (0.25, 1.0)


@pytest.mark.parametrize(
    ("scores", "allowed", "expected"),
    [
        ([0.5, 0.25, 0.75], 0, 1.0),
        ([0.5, 0.25, 0.75], 1, 0.75),
        ([0.5, 0.25, 0.75], 2, 0.5),
        ([0.5, 0.25, 0.75], 3, 0.25),
        ([0.5, 0.25, 0.75], 9, 0.25),
        ([0.75, 0.5, 0.5, 0.25], 2, 0.75),
        ([0.5, 0.5, 0.25], 1, 1.0),
    ],
)
def test_the_threshold_is_the_lowest_score_that_fits(
    scores: list[float], allowed: int, expected: float
) -> None:
    assert budget_threshold(np.array(scores, dtype=np.float32), allowed) == expected


@given(scored_days, st.integers(1, 5))
def test_no_day_has_more_alerts_than_its_budget_and_they_are_its_highest_scores(
    rows: list[tuple[int, float]], budget: int
) -> None:
    chosen = alerts([score for _, score in rows], [day for day, _ in rows], budget)
    for day in {day for day, _ in rows}:
        inside = [
            score for (one, score), alert in zip(rows, chosen, strict=True) if one == day and alert
        ]
        outside = [
            score
            for (one, score), alert in zip(rows, chosen, strict=True)
            if one == day and not alert
        ]
        assert len(inside) == min(budget, len(inside) + len(outside))
        assert min(inside) >= max(outside, default=0.0)


@given(probabilities, st.integers(0, 45))
def test_the_threshold_keeps_the_budget_and_the_next_lower_score_would_not(
    scores: list[float], allowed: int
) -> None:
    threshold = budget_threshold(np.array(scores, dtype=np.float32), allowed)
    assert sum(score >= threshold for score in scores) <= allowed
    lower = [score for score in scores if score < threshold]
    if lower:
        assert sum(score >= max(lower) for score in scores) > allowed
