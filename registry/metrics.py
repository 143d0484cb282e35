"""How well scores find fraud: ranking metrics, and detection at the alert budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score


@dataclass(frozen=True)
class Detection:
    """Measures of one model on one set of rows, each between 0 and 1.

    `average_precision` is the area under the precision-recall curve as scikit-learn sums it.
    `budget_precision` and `budget_recall` are of the alerts that the analysts have time for: each
    day's highest scores, up to the alert budget.
    """

    average_precision: float
    roc_auc: float
    budget_precision: float
    budget_recall: float


def alerts_within_budget(
    scores: NDArray[np.float32], days: NDArray[np.int64], budget_per_day: int
) -> NDArray[np.bool_]:
    """Which of n rows become alerts: on each day the highest scores, `budget_per_day` at most.

    `days` is the day number of each row, shape (n,). Of equal scores the earlier row comes first.
    """
    order = np.lexsort((-scores.astype(np.float64), days))
    ordered_days = days[order]
    first_of_day = np.searchsorted(ordered_days, ordered_days, side="left")
    alerts = np.zeros(len(scores), dtype=np.bool_)
    alerts[order] = np.arange(len(scores)) - first_of_day < budget_per_day
    return alerts


def detection(
    labels: NDArray[np.int8],
    scores: NDArray[np.float32],
    days: NDArray[np.int64],
    budget_per_day: int,
) -> Detection:
    """Measure scores against labels (0 or 1), all of shape (n,), with both labels present."""
    alerts = alerts_within_budget(scores, days, budget_per_day)
    hits = int(labels[alerts].sum())
    return Detection(
        average_precision=float(average_precision_score(labels, scores)),
        roc_auc=float(roc_auc_score(labels, scores)),
        budget_precision=hits / int(alerts.sum()),
        budget_recall=hits / int(labels.sum()),
    )


def budget_threshold(scores: NDArray[np.float32], alerts: int) -> float:
    """The lowest score that raises at most `alerts` alerts when `score >= threshold` is one.

    Where so many rows share the score at the border that they would not all fit, it is the next
    score above; where none fits, it is 1.
    """
    if alerts >= len(scores):
        return float(scores.min())
    ordered = np.sort(scores)[::-1]
    if alerts == 0:
        return 1.0
    fitting = ordered[:alerts][ordered[:alerts] > ordered[alerts]]
    return float(fitting[-1]) if len(fitting) else 1.0
