"""Paired bootstrap: how sure a difference between two models is, on the same transactions.

Each resample gives every transaction (or every cluster of them, such as a customer) a weight drawn
from Poisson(1), the same for both models, and measures both again. The rows are sorted once; a
resample only reweights them. Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993
(percentile interval); Hanley and MacGibbon, 2006 (Poisson weights in place of drawing rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.metrics import MEASURES, Costs, JudgedRows

_TABLE_SIZE = 1 << 16
_LARGEST_WEIGHT = 9


def _poisson_table() -> NDArray[np.uint8]:
    """Poisson(1) as 65,536 equally likely weights, so that drawing one is a look-up.

    Its probabilities are exact to 1/65,536, and no weight is above 9 (1 in 900,000 would be).
    """
    shares = np.cumsum([exp(-1) / factorial(weight) for weight in range(_LARGEST_WEIGHT)])
    table = np.searchsorted(shares, (np.arange(_TABLE_SIZE) + 0.5) / _TABLE_SIZE)
    return table.astype(np.uint8)


_POISSON = _poisson_table()


@dataclass(frozen=True)
class _Ranking:
    """One model's scores on the rows, sorted once.

    `order`: rows from the highest score to the lowest; `frauds`: those of them that are fraud. For
    each fraud, positions in `order` before and after the rows with its very score (`tie_start`,
    `tie_end`), and how many frauds lie before them. `top`: for each day its highest rows, of a few
    times as many clusters as the budget, shape (days, k), padded with the index n.
    """

    order: NDArray[np.intp]
    frauds: NDArray[np.intp]
    tie_start: NDArray[np.intp]
    tie_end: NDArray[np.intp]
    frauds_before: NDArray[np.intp]
    frauds_until: NDArray[np.intp]
    top: NDArray[np.intp]


def _rank(rows: JudgedRows, scores: NDArray[np.float32], budget_per_day: int) -> _Ranking:
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    falling = -scores[order]
    positions = np.flatnonzero(rows.labels[order])
    tie_start = np.searchsorted(falling, falling[positions], side="left")
    tie_end = np.searchsorted(falling, falling[positions], side="right")
    by_day = np.lexsort((-scores.astype(np.float64), rows.days))
    _, starts = np.unique(rows.days[by_day], return_index=True)
    days = np.split(by_day, starts[1:])
    tops = [day[: _enough(day, rows.clusters, 4 * budget_per_day + 50)] for day in days]
    top = np.full((len(tops), max(map(len, tops))), len(scores), dtype=np.intp)
    for padded, one in zip(top, tops, strict=True):
        padded[: len(one)] = one
    return _Ranking(
        order=order,
        frauds=order[positions],
        tie_start=tie_start,
        tie_end=tie_end,
        frauds_before=np.searchsorted(positions, tie_start, side="left"),
        frauds_until=np.searchsorted(positions, tie_end, side="left"),
        top=top,
    )


def _enough(
    ranked: NDArray[np.intp], clusters: NDArray[np.int64] | None, weights_drawn: int
) -> int:
    """How many of a day's first rows hold so many independent weights that they fill the budget.

    Rows of one cluster share a weight, and so count once: a resample may leave out all of them.
    """
    if clusters is None:
        return weights_drawn
    firsts = np.sort(np.unique(clusters[ranked], return_index=True)[1])
    return int(firsts[weights_drawn]) if weights_drawn < len(firsts) else len(ranked)


def _measure(
    ranking: _Ranking, weights: NDArray[np.uint8], rows: JudgedRows, costs: Costs
) -> tuple[float, ...]:
    """The measures of one resample; `weights` of shape (n + 1,) ends with a 0 for the padding."""
    seen = _running(weights[ranking.order])
    own = weights[ranking.frauds].astype(np.int64)
    caught = _running(own)
    frauds, genuine = int(caught[-1]), int(seen[-1] - caught[-1])
    if not frauds or not genuine:
        return (np.nan,) * len(MEASURES)
    caught_until, caught_before = caught[ranking.frauds_until], caught[ranking.frauds_before]
    until, before = seen[ranking.tie_end], seen[ranking.tie_start]
    average_precision = float((own * (caught_until / np.maximum(until, 1))).sum() / frauds)
    # Of the genuine rows with a fraud's very score, half count as ranked above it.
    above = ((until - caught_until) + (before - caught_before)) / 2
    roc_auc = float((own * (1 - above / genuine)).sum() / frauds)
    return (average_precision, roc_auc, *_at_budget(ranking, weights, rows, costs, frauds))


def _at_budget(
    ranking: _Ranking, weights: NDArray[np.uint8], rows: JudgedRows, costs: Costs, frauds: int
) -> tuple[float, float, float]:
    top = weights[ranking.top].astype(np.int64)
    room = costs.budget_per_day - (np.cumsum(top, axis=1) - top)
    alerts = np.clip(room, 0, top)
    labels, amounts = rows.padded_labels[ranking.top], rows.padded_amounts[ranking.top]
    count, hits = int(alerts.sum()), alerts * labels
    saved = float((hits * amounts).sum()) - costs.per_alert * count
    return (
        float(hits.sum() / max(count, 1)),
        float(hits.sum() / frauds),
        saved / len(ranking.top),
    )


def _running(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """The sum of all counts before each position, and at last of all of them."""
    sums = np.empty(len(counts) + 1, dtype=np.int64)
    sums[0] = 0
    np.cumsum(counts, out=sums[1:])
    return sums


def resampled(rows: JudgedRows, *, resamples: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """The weights of n rows in each resample, shape (n,); the rows of a cluster share theirs.

    The same seed gives the same weights, so that what else is measured on them goes with what
    `bootstrap` measures.
    """
    size = len(rows.labels) if rows.clusters is None else int(rows.clusters.max()) + 1
    for child in np.random.SeedSequence(seed).spawn(resamples):
        generator = np.random.Generator(np.random.SFC64(child))
        drawn = _POISSON[generator.integers(_TABLE_SIZE, size=size, dtype=np.uint16)]
        yield drawn if rows.clusters is None else drawn[rows.clusters]


def bootstrap(
    rows: JudgedRows,
    scores: Sequence[NDArray[np.float32]],
    costs: Costs,
    *,
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Measure models on `resamples` resamples: shape (resamples, models, measures).

    The measures are those of `registry.evaluation.metrics.MEASURES`, in that order; a resample that
    holds no fraud is NaN throughout. The same seed gives the same numbers.
    """
    rankings = [_rank(rows, one, costs.budget_per_day) for one in scores]
    drawn = (
        np.append(weights, np.uint8(0))
        for weights in resampled(rows, resamples=resamples, seed=seed)
    )
    return np.array(
        [[_measure(ranking, weights, rows, costs) for ranking in rankings] for weights in drawn]
    )
