"""Labelled rows, what an alert costs, and the thresholds that follow from both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Costs:
    """The alert budget, and the cost of one alert in the currency of the amounts.

    A fraud that is missed costs its amount; a fraud that is caught costs the alert only.
    """

    budget_per_day: int
    per_alert: float


@dataclass(frozen=True)
class LabelledRows:
    """n transactions with their labels: `labels` 0 or 1, `days` since 1970-01-01, `amounts`.

    `clusters` numbers from 0 the owner of each transaction (a customer, a card), where the
    transactions of one owner are alike; resampling then draws clusters. All of shape (n,).
    """

    labels: NDArray[np.int8]
    days: NDArray[np.int64]
    amounts: NDArray[np.float64]
    clusters: NDArray[np.int64] | None = None

    def part(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> LabelledRows:
        """The rows at these positions, or where a mask of shape (n,) is true, with their clusters
        numbered from 0 again."""
        clusters = None
        if self.clusters is not None:
            clusters = np.unique(self.clusters[rows], return_inverse=True)[1].astype(np.int64)
        return LabelledRows(self.labels[rows], self.days[rows], self.amounts[rows], clusters)

    @cached_property
    def independent_frauds(self) -> int:
        """The number of frauds or, where rows have clusters, of clusters with a fraud."""
        frauds = self.labels == 1
        if self.clusters is None:
            return int(frauds.sum())
        return len(np.unique(self.clusters[frauds]))


def rank_within_day(scores: NDArray[np.float32], days: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each of n rows among those of its day, from 0 for the highest score.

    `days` is the day number of each row, shape (n,). Of equal scores the earlier row comes first.
    """
    order = np.lexsort((-scores.astype(np.float64), days))
    ordered_days = days[order]
    first_of_day = np.searchsorted(ordered_days, ordered_days, side="left")
    rank = np.empty(len(scores), dtype=np.int64)
    rank[order] = np.arange(len(scores)) - first_of_day
    return rank


def alerts_within_budget(
    scores: NDArray[np.float32], days: NDArray[np.int64], budget_per_day: int
) -> NDArray[np.bool_]:
    """Which of n rows become alerts: on each day the highest scores, at most `budget_per_day`.

    Arrays and ties as for `rank_within_day`.
    """
    return rank_within_day(scores, days) < budget_per_day


def budget_threshold(scores: NDArray[np.float32], alerts: int) -> float:
    """The lowest threshold at which `score >= threshold` raises at most `alerts` alerts.

    It is one of the scores. Where more rows share the score at the border than fit, it is the next
    higher score; where none fits, it is 1.
    """
    if alerts >= len(scores):
        return float(scores.min())
    ordered = np.sort(scores)[::-1]
    if alerts == 0:
        return 1.0
    fitting = ordered[:alerts][ordered[:alerts] > ordered[alerts]]
    return float(fitting[-1]) if len(fitting) else 1.0


def money_saved(
    rows: LabelledRows, scores: NDArray[np.float32], per_alert: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What each threshold would save over all rows: thresholds from the highest score, and money.

    Both of shape (different scores,). An alert is `score >= threshold`; the money is the amount of
    the frauds among the alerts less the price of the alerts, in the amounts' currency.
    """
    order = np.argsort(-scores, kind="stable")
    gains = np.cumsum(rows.amounts[order] * rows.labels[order] - per_alert)
    last_of_score = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return scores[order][last_of_score], gains[last_of_score]


def cost_threshold(rows: LabelledRows, scores: NDArray[np.float32], per_alert: float) -> float:
    """The threshold that would have saved the most money; 1 (no alerts) where none saves any."""
    thresholds, saved = money_saved(rows, scores, per_alert)
    best = int(np.argmax(saved))
    return float(thresholds[best]) if saved[best] > 0 else 1.0
