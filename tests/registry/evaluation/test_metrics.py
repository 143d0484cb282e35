"""Alerts, thresholds and money, on numbers small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evaluation.metrics import (
    LabelledRows,
    alerts_within_budget,
    budget_threshold,
    cost_threshold,
    money_saved,
)

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


def rows(
    labels: list[int], days: list[int], amounts: list[float], clusters: list[int] | None = None
) -> LabelledRows:
    return LabelledRows(
        np.array(labels, dtype=np.int8),
        np.array(days, dtype=np.int64),
        np.array(amounts),
        None if clusters is None else np.array(clusters, dtype=np.int64),
    )


def test_a_part_of_the_rows_keeps_what_belongs_together() -> None:
    part = rows([1, 0, 1, 0], [1, 2, 3, 4], [10, 20, 30, 40], [0, 1, 2, 1]).part(
        np.array([False, True, True, True])
    )
    assert part.labels.tolist() == [0, 1, 0]
    assert part.days.tolist() == [2, 3, 4]
    assert part.amounts.tolist() == [20, 30, 40]
    assert part.clusters is not None
    assert part.clusters.tolist() == [0, 1, 0]


def test_a_part_of_rows_without_clusters_has_none() -> None:
    assert rows([1, 0], [1, 1], [1, 1]).part(np.array([True, False])).clusters is None


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
    scored: list[tuple[int, float]], budget: int
) -> None:
    chosen = alerts([score for _, score in scored], [day for day, _ in scored], budget)
    for day in {day for day, _ in scored}:
        inside = [
            score
            for (one, score), alert in zip(scored, chosen, strict=True)
            if one == day and alert
        ]
        outside = [
            score
            for (one, score), alert in zip(scored, chosen, strict=True)
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


def test_frauds_of_one_customer_count_once_as_independent() -> None:
    labels = np.array([1, 1, 0, 1, 1], dtype=np.int8)
    days = np.zeros(5, dtype=np.int64)
    amounts = np.ones(5)
    clusters = np.array([0, 0, 1, 2, 0], dtype=np.int64)
    assert LabelledRows(labels, days, amounts).independent_frauds == 4
    assert LabelledRows(labels, days, amounts, clusters).independent_frauds == 2


def test_money_saved_by_hand_for_each_different_score() -> None:
    made = rows([1, 0, 1, 0], [0, 0, 0, 0], [120, 10, 80, 20])
    scores = np.array([0.5, 0.75, 0.25, 0.5], dtype=np.float32)
    thresholds, saved = money_saved(made, scores, 15)
    assert thresholds.tolist() == [0.75, 0.5, 0.25]
    assert saved.tolist() == [-15, 120 - 3 * 15, 200 - 4 * 15]
    assert cost_threshold(made, scores, 15) == 0.25
    assert cost_threshold(made, scores, 60) == 1.0


@given(probabilities, st.integers(0, 2**32), st.integers(0, 40))
def test_no_other_score_as_threshold_saves_more(
    given_scores: list[float], seed: int, per_alert: int
) -> None:
    generator = np.random.default_rng(seed)
    scores = np.array(given_scores, dtype=np.float32)
    made = rows(
        generator.integers(0, 2, len(scores)).tolist(),
        [0] * len(scores),
        generator.integers(0, 100, len(scores)).tolist(),
    )

    def saved(threshold: float) -> float:
        alerts = scores >= threshold
        return float(made.amounts[alerts & (made.labels == 1)].sum() - per_alert * alerts.sum())

    chosen = cost_threshold(made, scores, per_alert)
    assert saved(chosen) == max(0.0, *(saved(float(one)) for one in scores)) or chosen == 1.0
    assert all(saved(float(one)) <= max(0.0, saved(chosen)) for one in scores)
