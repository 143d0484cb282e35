"""Assessing a model: everything that is measured on the test days, and the pictures of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy.typing import NDArray

from registry.evaluation.metrics import Costs
from registry.evaluation.rows import EvaluationRows
from registry.model.scorer import Scorer
from registry.report.content import Picture
from registry.report.plots import precision_recall, score_distribution
from training import pictures
from training.data import Data
from training.fit import encode
from training.importance import Contribution, contributions
from training.intervals import Estimate, estimates
from training.slices import Part, evaluation_rows, measure_parts

DAY = "day "
"""How the name of a slice that is a day begins."""


@dataclass(frozen=True)
class Assessment:
    """What was found on the test rows; `scores` of shape (n,) are the ONNX model's own."""

    rows: EvaluationRows
    costs: Costs
    threshold: float
    scores: NDArray[np.float32]
    estimates: Mapping[str, Estimate]
    contributions: tuple[Contribution, ...]
    days: tuple[Part, ...]
    slices: tuple[Part, ...]


def assess(data: Data, test: pl.DataFrame, scorer: Scorer, seed: int) -> Assessment:
    """Measure the converted bytes on the test rows; `seed` is of the shuffles."""
    rows, costs = evaluation_rows(data, test), data.dataset.costs
    encoded, threshold = encode(test, scorer.contract.inputs), scorer.contract.threshold
    scores = scorer.score(encoded)
    parts = measure_parts(rows.labelled, scores, costs, rows.slices)
    return Assessment(
        rows=rows,
        costs=costs,
        threshold=threshold,
        scores=scores,
        estimates=estimates(rows.labelled, scores, costs, threshold),
        contributions=contributions(scorer, encoded, rows.labelled.labels, seed),
        days=tuple(one for one in parts if one.name.startswith(DAY)),
        slices=tuple(one for one in parts if not one.name.startswith(DAY)),
    )


def drawn(found: Assessment) -> Iterator[tuple[Picture, Figure]]:
    """The pictures of a run, in the order in which they are shown."""
    rows, costs, scores, threshold = found.rows.labelled, found.costs, found.scores, found.threshold
    yield PRECISION_RECALL, precision_recall(rows.labels, {"model": scores})
    yield ALERTS, pictures.alerts_and_recall(rows, scores, costs)
    yield SAVINGS, pictures.savings(rows, scores, costs, threshold)
    yield SCORES, score_distribution(rows.labels, scores, threshold)
    yield RELIABILITY, pictures.reliability(rows.labels, scores)
    yield IMPORTANCE, pictures.importance(found.contributions)
    yield DAYS, pictures.by_day(found.days)
    yield SLICES, pictures.by_slice(found.slices)


PRECISION_RECALL = Picture(
    "precision_recall.png",
    "Precision and recall",
    "For each share of the frauds that is caught, how many of the alerts are frauds.",
)
ALERTS = Picture(
    "alerts_recall.png",
    "What a number of alerts a day catches",
    "Each day's highest scores are the alerts. The dotted line is the alert budget.",
)
SAVINGS = Picture(
    "money_saved.png",
    "Money saved and the threshold",
    "The amounts of the frauds caught less the price of the alerts, in the amounts' currency. "
    "The cross is the best threshold in hindsight, which nobody could have known.",
)
SCORES = Picture(
    "score_distribution.png",
    "Probabilities and the threshold",
    "Right of the dashed line a transaction goes to review. The count is on a log scale.",
)
RELIABILITY = Picture(
    "reliability.png",
    "Does a probability mean what it says?",
    "On the dotted line it does; above it, fraud is more frequent than the model says. At each "
    "point, how many transactions it stands for, or how many of them are frauds.",
)
IMPORTANCE = Picture(
    "importance.png",
    "What the inputs contribute",
    "How far average precision falls when an input's values are shuffled. Each cross is one "
    "shuffle; inputs that say the same share their contribution.",
)
DAYS = Picture(
    "by_day.png",
    "Day by day",
    "With 95 % intervals; a day with few frauds is only counted.",
)
SLICES = Picture(
    "by_slice.png",
    "Where it does well and where it does not",
    "With 95 % intervals. Average precision is lower where fraud is rarer.",
)
