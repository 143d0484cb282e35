"""The measures of a model, each with its 95 % interval.

A percentile interval (Efron and Tibshirani, 1993) over resamples of the test rows, or of the
customers if the data identifies them; see `registry.evaluation.bootstrap`.
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
    """The value of a measure, and the ends of its interval."""

    value: float
    lower: float
    upper: float


def estimates(
    rows: LabelledRows, scores: Scores, costs: Costs, threshold: float
) -> dict[str, Estimate]:
    """Every measure by name, of scores of shape (n,) on rows with both labels.

    Measures of cards (customers) are left out if the rows do not identify them.
    """
    ranking = Ranking(rows, scores, costs, threshold)
    measures = [
        measure
        for measure in MEASURES.values()
        if rows.clusters is not None or not measure.needs_clusters
    ]
    resamples = bootstrap([ranking], measures, resamples=RESAMPLES, seed=SEED)[:, 0]
    values = measure_all(ranking, measures)
    return {
        name: with_interval(value, resamples[:, column])
        for column, (name, value) in enumerate(values.items())
    }


def with_interval(value: float, resamples: NDArray[np.float64]) -> Estimate:
    """A value with the interval of its `resamples`, of shape (resamples,).

    A resample that does not determine the measure is NaN; at least one must be a number.
    """
    lower, upper = np.nanquantile(resamples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(value), float(lower), float(upper))
