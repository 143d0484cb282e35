"""What a fraud team decides by, each measure with its 95 % interval.

A percentile interval (Efron and Tibshirani, 1993) over resamples of the test rows, or of the
customers where the data names them; see `registry.evaluation.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.bootstrap import bootstrap, resampled
from registry.evaluation.metrics import Costs, JudgedRows, detection
from training.card_precision import Cards

RESAMPLES = 1000
SEED = 20260105
"""Of the resampling: fixed, so that the same model on the same rows gets the same intervals."""

CONFIDENCE = 0.95
Scores = NDArray[np.float32]
Measure = Callable[[NDArray[np.uint8]], float]
"""Of weights of shape (n,): a row counts that many times."""


@dataclass(frozen=True)
class Estimate:
    """A measure, and between which ends it is likely."""

    value: float
    lower: float
    upper: float


def estimates(
    rows: JudgedRows, scores: Scores, costs: Costs, threshold: float
) -> dict[str, Estimate]:
    """Every measure of scores of shape (n,) on rows that hold both labels, by name.

    Those of `registry.evaluation.metrics.Detection`; `brier_score` and `calibration_error`;
    `threshold_precision`, `threshold_recall`, `threshold_alerts_per_day` and
    `threshold_money_saved_per_day` of the alerts `score >= threshold`; and, where the rows name
    customers, `card_precision` with the alert budget as its k.
    """
    measures = _measures(rows, scores, costs, threshold)
    once = np.ones(len(scores), dtype=np.uint8)
    values = asdict(detection(rows, scores, costs))
    values |= {name: measure(once) for name, measure in measures.items()}
    ranking = bootstrap(rows, [scores], costs, resamples=RESAMPLES, seed=SEED)[:, 0]
    others = [
        [measure(weights) if weights.any() else np.nan for measure in measures.values()]
        for weights in resampled(rows, resamples=RESAMPLES, seed=SEED)
    ]
    columns = np.hstack([ranking, others]).T
    return {
        name: likely(value, drawn)
        for (name, value), drawn in zip(values.items(), columns, strict=True)
    }


def likely(value: float, drawn: NDArray[np.float64]) -> Estimate:
    """A value with the interval that its resamples, of shape (resamples,), show.

    A resample that could not tell is NaN; at least one must be a number.
    """
    lower, upper = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(value), float(lower), float(upper))


def _measures(
    rows: JudgedRows, scores: Scores, costs: Costs, threshold: float
) -> dict[str, Measure]:
    squares = (scores.astype(np.float64) - rows.labels) ** 2
    measures: dict[str, Measure] = {
        "brier_score": lambda weights: float((weights * squares).sum() / weights.sum()),
        "calibration_error": _calibration_error(rows, scores),
        **_at_threshold(rows, scores >= threshold, costs.per_alert),
    }
    if rows.clusters is not None:
        cards = Cards(rows, scores)
        measures["card_precision"] = lambda weights: cards.precision(costs.budget_per_day, weights)
    return measures


def _calibration_error(rows: JudgedRows, scores: Scores, bins: int = 10) -> Measure:
    """As `registry.evaluation.metrics.calibration_error`, of rows that are sorted once."""
    order = np.argsort(scores, kind="stable")
    rising = scores[order]
    gaps = rising.astype(np.float64) - rows.labels[order]
    tie_start = np.searchsorted(rising, rising, side="left")
    tie_end = np.searchsorted(rising, rising, side="right")

    def measure(weights: NDArray[np.uint8]) -> float:
        drawn = weights[order]
        rows_until = np.append(0, np.cumsum(drawn, dtype=np.int64))
        gap_until = np.append(0.0, np.cumsum(drawn * gaps))
        total = int(rows_until[-1])
        borders = np.append(0, np.cumsum(total // bins + (np.arange(bins) < total % bins)))
        at = np.maximum(np.searchsorted(rows_until, borders) - 1, 0)
        start, end = tie_start[at], tie_end[at]
        # Rows of one score share their frauds, so that inside them the gap grows evenly.
        part = (borders - rows_until[start]) / np.maximum(1, rows_until[end] - rows_until[start])
        gap = gap_until[start] + part * (gap_until[end] - gap_until[start])
        return float(np.abs(np.diff(gap)).sum()) / total

    return measure


def _at_threshold(
    rows: JudgedRows, alerts: NDArray[np.bool_], per_alert: float
) -> dict[str, Measure]:
    alerted, frauds = np.flatnonzero(alerts), np.flatnonzero(rows.labels)
    caught = np.flatnonzero(alerts & (rows.labels == 1))
    days = len(np.unique(rows.days))

    def recall(weights: NDArray[np.uint8]) -> float:
        total = int(weights[frauds].sum())
        return int(weights[caught].sum()) / total if total else np.nan

    def saved(weights: NDArray[np.uint8]) -> float:
        amounts = float(weights[caught] @ rows.amounts[caught])
        return (amounts - per_alert * int(weights[alerted].sum())) / days

    return {
        "threshold_precision": lambda weights: (
            int(weights[caught].sum()) / max(1, int(weights[alerted].sum()))
        ),
        "threshold_recall": recall,
        "threshold_alerts_per_day": lambda weights: int(weights[alerted].sum()) / days,
        "threshold_money_saved_per_day": saved,
    }
