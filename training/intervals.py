"""The measures of a model, each with its 95 % interval.

The quantiles of resamples of the test rows, or of the customers if the data identifies them
(`registry.evaluation.bootstrap`), moved by the bias of the resamples: their mean is not the value
where a measure depends on which rows are distinct, such as the precision of the highest k. Source:
Efron and Tibshirani, 1993, chapters 10 (bias) and 13 (percentile interval). `make bench-coverage`
simulates how often the intervals hold what they estimate: the mean of the measure over data of the
same size. Near 1, those of `SATURATED_ABOVE` hold it much less often, and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan, nan

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.bootstrap import bootstrap
from registry.evaluation.measures import MEASURES, Unit, measure_all
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking, Scores

RESAMPLES = 1000
SEED = 20260105
"""Seed of the resampling, fixed so that the same model on the same rows gets the same intervals."""

CONFIDENCE = 0.95
BOUNDS: dict[Unit, tuple[float, float]] = {
    "score": (0, 1),
    "share": (0, 1),
    "count": (0, inf),
    "money": (-inf, inf),
}
SATURATED_ABOVE = {"average_precision": 0.98, "roc_auc": 0.98}
"""Above which a measure has no interval: resampling cannot show the frauds that were never seen."""


@dataclass(frozen=True)
class Estimate:
    """The value of a measure, and the ends of its interval: NaN where there is none."""

    value: float
    lower: float
    upper: float

    @property
    def has_interval(self) -> bool:
        return not isnan(self.lower)


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
        name: Estimate(value, nan, nan)
        if value > SATURATED_ABOVE.get(name, inf)
        else with_interval(value, resamples[:, column], MEASURES[name].unit)
        for column, (name, value) in enumerate(values.items())
    }


def with_interval(value: float, resamples: NDArray[np.float64], unit: Unit) -> Estimate:
    """A value with the interval of its `resamples`, shape (resamples,), within the unit's bounds.

    A resample that does not determine the measure is NaN; at least one must be a number. There is
    no interval where all resamples agree, as for a recall of 1: they say nothing about how far the
    value could be off, and an interval without width would hold the truth in a quarter of cases.
    """
    lowest, highest = np.nanmin(resamples), np.nanmax(resamples)
    if lowest == highest:
        return Estimate(float(value), nan, nan)
    ends = np.nanquantile(resamples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    lower, upper = np.clip(ends - (np.nanmean(resamples) - value), *BOUNDS[unit])
    return Estimate(float(value), float(min(lower, value)), float(max(upper, value)))
