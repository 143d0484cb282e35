"""Paired bootstrap: how certain a difference between two models is, on the same transactions.

Each resample gives every transaction (or every cluster of them, such as a customer) a weight drawn
from Poisson(1), the same for both models, and measures both again. The rows are sorted once; a
resample only reweights them. Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993
(percentile interval); Hanley and MacGibbon, 2006 (Poisson weights in place of drawing rows).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.measures import Measure
from registry.evaluation.metrics import LabelledRows
from registry.evaluation.ranking import Ranking, Weights

_TABLE_SIZE = 1 << 16
_MAX_WEIGHT = 9


def _poisson_table() -> NDArray[np.uint8]:
    """Poisson(1) as 65,536 equally likely weights, so that drawing one is a look-up.

    Its probabilities are exact to 1/65,536, and no weight is above 9 (1 in 900,000 would be).
    """
    shares = np.cumsum([exp(-1) / factorial(weight) for weight in range(_MAX_WEIGHT)])
    table = np.searchsorted(shares, (np.arange(_TABLE_SIZE) + 0.5) / _TABLE_SIZE)
    return table.astype(np.uint8)


_POISSON = _poisson_table()


def resample_weights(rows: LabelledRows, *, resamples: int, seed: int) -> Iterator[Weights]:
    """The weights of n rows in each resample, shape (n,); the rows of a cluster share theirs.

    The same seed gives the same weights, so that what is measured on them elsewhere matches what
    `bootstrap` measures.
    """
    size = len(rows.labels) if rows.clusters is None else int(rows.clusters.max()) + 1
    for child in np.random.SeedSequence(seed).spawn(resamples):
        generator = np.random.Generator(np.random.SFC64(child))
        drawn = _POISSON[generator.integers(_TABLE_SIZE, size=size, dtype=np.uint16)]
        yield drawn if rows.clusters is None else drawn[rows.clusters]


def bootstrap(
    rankings: Sequence[Ranking], measures: Sequence[Measure], *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Measure models on each resample: shape (resamples, models, measures).

    All `rankings` are of the same rows. A measure is NaN in a resample that does not determine it.
    The same seed gives the same numbers.
    """
    rows = rankings[0].rows
    return np.array(
        [
            [
                [measure.value(weighted) for measure in measures]
                for weighted in [ranking.weighted(weights) for ranking in rankings]
            ]
            for weights in resample_weights(rows, resamples=resamples, seed=seed)
        ]
    )
