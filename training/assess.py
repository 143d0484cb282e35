"""Assessing a model: everything that is measured on the test days, and the plots of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

from registry.evaluation.measures import MEASURES
from registry.evaluation.metrics import Costs
from registry.evaluation.rows import EvaluationRows
from registry.model.scorer import Scorer
from registry.report.content import Picture
from registry.report.numbers import quantity
from registry.report.plots import precision_recall, score_distribution
from training import plots
from training.data import Data
from training.evaluation_rows import evaluation_rows
from training.fit import encode
from training.importance import Contribution, contributions
from training.intervals import Estimate, estimates
from training.slices import MeasuredSlice, measure_slices

DAY_PREFIX = "day "
"""Prefix of the name of a slice that is a day."""


@dataclass(frozen=True)
class Assessment:
    """All measures of a model on the test rows; its own ONNX `scores` are of shape (n,)."""

    rows: EvaluationRows
    costs: Costs
    threshold: float
    scores: NDArray[np.float32]
    estimates: Mapping[str, Estimate]
    contributions: tuple[Contribution, ...]
    days: tuple[MeasuredSlice, ...]
    slices: tuple[MeasuredSlice, ...]

    def readable(self, name: str) -> tuple[str, str, str]:
        """Label, value and interval of a measure, as text in its unit."""
        measure, estimate = MEASURES[name], self.estimates[name]
        label = measure.label.format(budget=f"{self.costs.budget_per_day:,}")
        value = quantity(estimate.value, measure.unit)
        if not estimate.has_interval:
            return label, value, "no interval: resampling cannot tell"
        ends = (quantity(end, measure.unit) for end in (estimate.lower, estimate.upper))
        return label, value, " to ".join(ends)


def assess(data: Data, test: pl.DataFrame, scorer: Scorer, seed: int) -> Assessment:
    """Measure the ONNX model on the test rows; `seed` is that of the importance shuffles."""
    rows, costs = evaluation_rows(data, test), data.dataset.costs
    encoded, threshold = encode(test, scorer.contract.inputs), scorer.contract.threshold
    scores = scorer.score(encoded)
    slices = measure_slices(rows.labelled, scores, costs, rows.slices)
    return Assessment(
        rows=rows,
        costs=costs,
        threshold=threshold,
        scores=scores,
        estimates=estimates(rows.labelled, scores, costs, threshold),
        contributions=contributions(scorer, encoded, rows.labelled.labels, seed),
        days=tuple(part for part in slices if part.name.startswith(DAY_PREFIX)),
        slices=tuple(part for part in slices if not part.name.startswith(DAY_PREFIX)),
    )


def draw_plots(assessment: Assessment) -> Iterator[tuple[Picture, Figure]]:
    """The plots of a run, in the order in which they are shown."""
    rows, costs = assessment.rows.labelled, assessment.costs
    scores, threshold = assessment.scores, assessment.threshold
    yield PRECISION_RECALL, precision_recall(rows.labels, {"model": scores})
    yield ALERTS, plots.alerts_and_recall(rows, scores, costs)
    yield SAVINGS, plots.savings(rows, scores, costs, threshold)
    yield SCORES, score_distribution(rows.labels, scores, threshold)
    yield RELIABILITY, plots.reliability(rows.labels, scores)
    yield IMPORTANCE, plots.importance(assessment.contributions)
    yield DAYS, plots.by_day(assessment.days)
    yield SLICES, plots.by_slice(assessment.slices)


PRECISION_RECALL = Picture(
    "precision_recall.png",
    "Precision and recall",
    "For each share of frauds caught, the share of alerts that are frauds.",
)
ALERTS = Picture(
    "alerts_recall.png",
    "Frauds caught by number of alerts a day",
    "Each day's highest scores are the alerts. The dotted line is the alert budget.",
)
SAVINGS = Picture(
    "money_saved.png",
    "Money saved by threshold",
    "The amounts of the frauds caught minus the cost of the alerts, in the amounts' currency. "
    "The cross is the best threshold in hindsight, which could not have been known beforehand.",
)
SCORES = Picture(
    "score_distribution.png",
    "Distribution of probabilities",
    "Transactions to the right of the threshold go to review. Counts are on a log scale.",
)
RELIABILITY = Picture(
    "reliability.png",
    "Calibration",
    "On the dotted line, probabilities equal the share of fraud; above it, fraud is more frequent "
    "than predicted. Each point is labelled with its number of transactions, or with how many of "
    "them are frauds.",
)
IMPORTANCE = Picture(
    "importance.png",
    "Contribution of the inputs",
    "How far average precision falls when the values of an input are shuffled. Each cross is one "
    "shuffle; inputs with the same information share their contribution.",
)
DAYS = Picture(
    "by_day.png",
    "Day by day",
    "With 95 % intervals; days with few frauds are counted but not measured.",
)
SLICES = Picture(
    "by_slice.png",
    "Slice by slice",
    "With 95 % intervals. Average precision is lower where fraud is rarer.",
)
