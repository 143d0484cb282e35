"""A model's scores on labelled rows, sorted once, and the same under the weights of a resample.

Everything that a measure needs is prepared here, when the first measure asks for it. A resample
only reweights the sorted rows, which is what makes thousands of them affordable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.card_precision import RankedCards
from registry.evaluation.metrics import Costs, LabelledRows

Scores = NDArray[np.float32]
Weights = NDArray[np.uint8]


@dataclass(frozen=True)
class _ByScore:
    """`order`: rows from the highest score to the lowest; `frauds`: those of them that are fraud.

    For each fraud, the positions in `order` before and after the rows that share its score
    (`tie_start`, `tie_end`), and how many frauds precede these positions.
    """

    order: NDArray[np.intp]
    frauds: NDArray[np.intp]
    tie_start: NDArray[np.intp]
    tie_end: NDArray[np.intp]
    frauds_before: NDArray[np.intp]
    frauds_until: NDArray[np.intp]


@dataclass(frozen=True)
class _Reliability:
    """Rows in rising order of their score, `gaps` (score minus label), and the ends of ties."""

    order: NDArray[np.intp]
    gaps: NDArray[np.float64]
    tie_start: NDArray[np.intp]
    tie_end: NDArray[np.intp]


@dataclass(frozen=True)
class Ranking:
    """Scores of shape (n,) on n labelled rows.

    Alerts are raised at the alert budget of `costs`, or where `score >= threshold`; a model that is
    measured at its budget alone needs no threshold.
    """

    rows: LabelledRows
    scores: Scores
    costs: Costs
    threshold: float | None = None

    @cached_property
    def by_score(self) -> _ByScore:
        order = np.argsort(-self.scores.astype(np.float64), kind="stable")
        falling = -self.scores[order]
        positions = np.flatnonzero(self.rows.labels[order])
        tie_start = np.searchsorted(falling, falling[positions], side="left")
        tie_end = np.searchsorted(falling, falling[positions], side="right")
        return _ByScore(
            order=order,
            frauds=order[positions],
            tie_start=tie_start,
            tie_end=tie_end,
            frauds_before=np.searchsorted(positions, tie_start, side="left"),
            frauds_until=np.searchsorted(positions, tie_end, side="left"),
        )

    @cached_property
    def top(self) -> NDArray[np.intp]:
        """The highest rows of each day, shape (days, k), padded with the index n.

        k is a few times the budget: a resample leaves rows out, and those below move up.
        """
        by_day = np.lexsort((-self.scores.astype(np.float64), self.rows.days))
        _, starts = np.unique(self.rows.days[by_day], return_index=True)
        enough = 4 * self.costs.budget_per_day + 50
        days = [
            day[: _rows_with_weights(day, self.rows.clusters, enough)]
            for day in np.split(by_day, starts[1:])
        ]
        top = np.full((len(days), max(map(len, days))), len(self.scores), dtype=np.intp)
        for padded, day in zip(top, days, strict=True):
            padded[: len(day)] = day
        return top

    @cached_property
    def top_labels(self) -> NDArray[np.int8]:
        return np.append(self.rows.labels, np.int8(0))[self.top]

    @cached_property
    def top_amounts(self) -> NDArray[np.float64]:
        return np.append(self.rows.amounts, 0.0)[self.top]

    @cached_property
    def alerted(self) -> NDArray[np.intp]:
        """Rows at or above the threshold."""
        if self.threshold is None:
            raise ValueError("this measure needs the model's threshold")
        return np.flatnonzero(self.scores >= self.threshold)

    @cached_property
    def alerted_frauds(self) -> NDArray[np.intp]:
        frauds = self.rows.labels[self.alerted] == 1
        return np.asarray(self.alerted[frauds])

    @cached_property
    def squared_errors(self) -> NDArray[np.float64]:
        return (self.scores.astype(np.float64) - self.rows.labels) ** 2

    @cached_property
    def reliability(self) -> _Reliability:
        order = np.argsort(self.scores, kind="stable")
        rising = self.scores[order]
        return _Reliability(
            order=order,
            gaps=rising.astype(np.float64) - self.rows.labels[order],
            tie_start=np.searchsorted(rising, rising, side="left"),
            tie_end=np.searchsorted(rising, rising, side="right"),
        )

    @cached_property
    def cards(self) -> RankedCards:
        return RankedCards(self.rows, self.scores)

    @cached_property
    def days(self) -> int:
        return len(np.unique(self.rows.days))

    def weighted(self, weights: Weights | None = None) -> WeightedRanking:
        """Each row counted `weights[row]` times, shape (n,); once where there are no weights."""
        return WeightedRanking(
            self, np.ones(len(self.scores), dtype=np.uint8) if weights is None else weights
        )


def _rows_with_weights(
    ranked: NDArray[np.intp], clusters: NDArray[np.int64] | None, weights: int
) -> int:
    """How many of a day's first rows hold so many independent weights.

    Rows of one cluster share a weight, and so count once: a resample may leave out all of them.
    """
    if clusters is None:
        return weights
    firsts = np.sort(np.unique(clusters[ranked], return_index=True)[1])
    return int(firsts[weights]) if weights < len(firsts) else len(ranked)


@dataclass(frozen=True)
class AlertsAtBudget:
    """What the alerts of all days are worth: their number, the frauds among them, and money."""

    count: int
    frauds: int
    saved: float


@dataclass(frozen=True)
class WeightedRanking:
    """A ranking in which row i counts `weights[i]` times: what the measures are computed from."""

    ranking: Ranking
    weights: Weights

    @cached_property
    def is_empty(self) -> bool:
        """Whether no row counts."""
        return not self.weights.any()

    @cached_property
    def rows_until(self) -> NDArray[np.int64]:
        return _running_total(self.weights[self.ranking.by_score.order])

    @cached_property
    def frauds_until(self) -> NDArray[np.int64]:
        return _running_total(self.weights[self.ranking.by_score.frauds])

    @cached_property
    def frauds(self) -> int:
        return int(self.frauds_until[-1])

    @cached_property
    def genuine(self) -> int:
        return int(self.rows_until[-1]) - self.frauds

    @cached_property
    def alerts(self) -> AlertsAtBudget:
        """Each day's highest scores, up to the alert budget."""
        ranking, costs = self.ranking, self.ranking.costs
        weights = np.append(self.weights, np.uint8(0))[ranking.top].astype(np.int64)
        room = costs.budget_per_day - (np.cumsum(weights, axis=1) - weights)
        alerts = np.clip(room, 0, weights)
        count, hits = int(alerts.sum()), alerts * ranking.top_labels
        saved = float((hits * ranking.top_amounts).sum()) - costs.per_alert * count
        return AlertsAtBudget(count, int(hits.sum()), saved)


def _running_total(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """The sum of all counts before each position, and at last of all of them."""
    sums = np.empty(len(counts) + 1, dtype=np.int64)
    sums[0] = 0
    np.cumsum(counts, out=sums[1:])
    return sums
