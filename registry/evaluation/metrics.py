"""How well scores find fraud: ranking metrics, and detection at the alert budget."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score


@dataclass(frozen=True)
class Costs:
    """How many alerts a day the analysts can look at, and what one costs, in the amounts' currency.

    A fraud that is missed costs its amount; a fraud that is caught costs the alert only.
    """

    budget_per_day: int
    per_alert: float


@dataclass(frozen=True)
class JudgedRows:
    """n transactions to judge on: `labels` 0 or 1, `days` since 1970-01-01, `amounts`.

    `clusters` numbers, from 0, whom each transaction belongs to (a customer, a card), where
    transactions of one are alike; then resampling draws clusters. All of shape (n,).
    """

    labels: NDArray[np.int8]
    days: NDArray[np.int64]
    amounts: NDArray[np.float64]
    clusters: NDArray[np.int64] | None = None

    def part(self, rows: NDArray[np.bool_]) -> JudgedRows:
        """The rows where a mask of shape (n,) is true, their clusters numbered from 0 again."""
        clusters = None
        if self.clusters is not None:
            clusters = np.unique(self.clusters[rows], return_inverse=True)[1].astype(np.int64)
        return JudgedRows(self.labels[rows], self.days[rows], self.amounts[rows], clusters)

    @cached_property
    def independent_frauds(self) -> int:
        """How many frauds tell something new: where rows cluster, the clusters with any."""
        frauds = self.labels == 1
        if self.clusters is None:
            return int(frauds.sum())
        return len(np.unique(self.clusters[frauds]))

    @cached_property
    def padded_labels(self) -> NDArray[np.int8]:
        """The labels and one 0 more, for the index n of a padding."""
        return np.append(self.labels, np.int8(0))

    @cached_property
    def padded_amounts(self) -> NDArray[np.float64]:
        return np.append(self.amounts, 0.0)


@dataclass(frozen=True)
class Detection:
    """Measures of one model on one set of rows, each between 0 and 1 but for the money.

    `average_precision` is the area under the precision-recall curve as scikit-learn sums it.
    `budget_precision`, `budget_recall` and `money_saved_per_day` are of the alerts that the
    analysts have time for: each day's highest scores, up to the alert budget. The money is the
    amount of the frauds caught less the price of the alerts, in the amounts' currency.
    """

    average_precision: float
    roc_auc: float
    budget_precision: float
    budget_recall: float
    money_saved_per_day: float


MEASURES = tuple(field.name for field in fields(Detection))


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


def detection(rows: JudgedRows, scores: NDArray[np.float32], costs: Costs) -> Detection:
    """Measure scores of shape (n,) against rows that hold both labels."""
    alerts = alerts_within_budget(scores, rows.days, costs.budget_per_day)
    caught = alerts & (rows.labels == 1)
    saved = float(rows.amounts[caught].sum()) - costs.per_alert * int(alerts.sum())
    return Detection(
        average_precision=float(average_precision_score(rows.labels, scores)),
        roc_auc=float(roc_auc_score(rows.labels, scores)),
        budget_precision=int(caught.sum()) / int(alerts.sum()),
        budget_recall=int(caught.sum()) / int(rows.labels.sum()),
        money_saved_per_day=saved / len(np.unique(rows.days)),
    )


def calibration_error(
    labels: NDArray[np.int8], scores: NDArray[np.float32], bins: int = 10
) -> float:
    """Expected calibration error over `bins` bins of equally many rows, between 0 and 1.

    The mean of |mean score - share of fraud| over the bins (Naeini et al., 2015; with equal counts,
    since nearly all scores of a fraud model are close to 0). Rows with one score count with the
    share of fraud among all of them: in which order they stand says nothing of the model.
    """
    _, same = np.unique(scores, return_inverse=True)
    share = (np.bincount(same, weights=labels) / np.bincount(same))[same]
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    errors = [abs(float(scores[part].mean()) - float(share[part].mean())) for part in parts]
    return float(np.average(errors, weights=[len(part) for part in parts]))


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


def money_saved(
    rows: JudgedRows, scores: NDArray[np.float32], per_alert: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What each threshold would save over all rows: thresholds from the highest score, and money.

    Both of shape (different scores,). An alert is `score >= threshold`; the money is the amount of
    the frauds among the alerts less the price of the alerts, in the amounts' currency.
    """
    order = np.argsort(-scores, kind="stable")
    gains = np.cumsum(rows.amounts[order] * rows.labels[order] - per_alert)
    last_of_score = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return scores[order][last_of_score], gains[last_of_score]


def cost_threshold(rows: JudgedRows, scores: NDArray[np.float32], per_alert: float) -> float:
    """The threshold that would have saved most; 1, so that nothing is alerted, where none saves."""
    thresholds, saved = money_saved(rows, scores, per_alert)
    best = int(np.argmax(saved))
    return float(thresholds[best]) if saved[best] > 0 else 1.0
