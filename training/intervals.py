"""What a fraud team decides by, each measure with its 95 % interval.

A percentile interval (Efron and Tibshirani, 1993) over resamples of the test rows, or of the
customers where the data names them; see `registry.evaluation.bootstrap`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.bootstrap import bootstrap
from registry.evaluation.measures import MEASURES, measure_all
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking, Scores

RESAMPLES = 1000
SEED = 20260105
"""Seed of the resampling, fixed so that the same model on the same rows gets the same intervals."""

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A measure, and between which ends it is likely."""

    value: float
    lower: float
    upper: float


def estimates(
    rows: LabelledRows, scores: Scores, costs: Costs, threshold: float
) -> dict[str, Estimate]:
    """Every measure of scores of shape (n,) on rows that hold both labels, by name.

    Those of cards (customers) only where the rows name them.
    """
    ranking = Ranking(rows, scores, costs, threshold)
    measures = [
        measure
        for measure in MEASURES.values()
        if rows.clusters is not None or not measure.needs_clusters
    ]
    drawn = bootstrap([ranking], measures, resamples=RESAMPLES, seed=SEED)[:, 0]
    values = measure_all(ranking, measures)
    return {
        name: likely(value, drawn[:, index]) for index, (name, value) in enumerate(values.items())
    }


def likely(value: float, drawn: NDArray[np.float64]) -> Estimate:
    """A value with the interval that its resamples, of shape (resamples,), show.

    A resample that does not determine the measure is NaN; at least one must be a number.
    """
    lower, upper = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(value), float(lower), float(upper))
