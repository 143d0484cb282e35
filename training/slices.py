"""How well a model does on slices of the test rows: days, amounts, age and activity of entities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.bootstrap import bootstrap, resample_weights
from registry.evaluation.measures import MEASURES, measure_all
from registry.evaluation.metrics import Costs, LabelledRows, alerts_within_budget
from registry.evaluation.ranking import Ranking
from registry.evaluation.rows import Slice
from training.intervals import SEED, Estimate, with_interval

RESAMPLES = 200
MIN_FRAUDS = 5
"""A slice with fewer is only counted: intervals of its measures would be useless."""


@dataclass(frozen=True)
class MeasuredSlice:
    """A slice; `recall` is the share of its frauds among the day's alerts within the budget."""

    name: str
    transactions: int
    frauds: int
    average_precision: Estimate | None
    recall: Estimate | None


def measure_slices(
    rows: LabelledRows, scores: NDArray[np.float32], costs: Costs, slices: Iterable[Slice]
) -> tuple[MeasuredSlice, ...]:
    """Measure scores of shape (n,) on each slice of the n rows."""
    alerts = alerts_within_budget(scores, rows.days, costs.budget_per_day)
    return tuple(_measure(rows, scores, costs, alerts, each) for each in slices)


def _measure(
    rows: LabelledRows,
    scores: NDArray[np.float32],
    costs: Costs,
    alerts: NDArray[np.bool_],
    chosen: Slice,
) -> MeasuredSlice:
    inside = rows.part(chosen.rows)
    transactions, frauds = len(inside.labels), int(inside.labels.sum())
    if inside.independent_frauds < MIN_FRAUDS or frauds == transactions:
        return MeasuredSlice(chosen.name, transactions, frauds, None, None)
    caught = alerts[chosen.rows][inside.labels == 1]
    return MeasuredSlice(
        chosen.name,
        transactions,
        frauds,
        average_precision=_average_precision(Ranking(inside, scores[chosen.rows], costs)),
        recall=_recall(inside.part(inside.labels == 1), caught),
    )


def _average_precision(ranking: Ranking) -> Estimate:
    measures = [MEASURES["average_precision"]]
    resamples = bootstrap([ranking], measures, resamples=RESAMPLES, seed=SEED)[:, 0, 0]
    return with_interval(measure_all(ranking, measures)["average_precision"], resamples, "score")


def _recall(frauds: LabelledRows, caught: NDArray[np.bool_]) -> Estimate:
    """The share of frauds that are `caught`; a resample without any fraud is NaN."""
    resamples = [
        weights[caught].sum() / weights.sum() if weights.any() else np.nan
        for weights in resample_weights(frauds, resamples=RESAMPLES, seed=SEED)
    ]
    return with_interval(caught.mean(), np.array(resamples), "share")
