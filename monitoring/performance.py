"""What a model is worth on labelled transactions: of the evidence, and of those it served.

Both are measured by the code of the gates, so that they can be compared. Alerts are each day's
highest probabilities, up to the alert budget, among all transactions, with a label or without.
Precision is that of the alerts with a label; recall and money assume the same of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitoring.join import SLICE_PREFIX
from monitoring.sequential import AlertDay
from registry.evaluation.bootstrap import resample_weights
from registry.evaluation.looks import interval_ends
from registry.evaluation.measures import MEASURES
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking, Weights

RANKED = ("average_precision", "roc_auc", "brier_score", "calibration_error")
AT_BUDGET = ("budget_precision", "budget_recall", "money_saved_per_day")
NAMES = (*RANKED, *AT_BUDGET)
"""Of `registry.evaluation.measures`: training and evidence have them by the same names."""
ALPHA = 0.05
SEED = 20261128
MIN_FRAUDS_OF_SLICE = 20


class Estimate(NamedTuple):
    """A measured value, and the ends of its interval of confidence 95 %; NaN where undetermined."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Transactions:
    """n transactions of one version: of shape (n,) each, `labels` -1 where there is none.

    A row stands for `weights` transactions. `amounts` are NaN where not known.
    """

    labels: NDArray[np.int8]
    days: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    amounts: NDArray[np.float64]
    weights: Weights
    is_alert: NDArray[np.bool_]

    def part(self, rows: NDArray[np.bool_]) -> Transactions:
        return Transactions(**{name: values[rows] for name, values in vars(self).items()})

    @property
    def frauds(self) -> int:
        return int((self.labels == 1).sum())

    def alert_days(self) -> list[AlertDay]:
        """The alerts of each day that have a label; days without any are left out."""
        labelled = self.part(self.is_alert & (self.labels >= 0))
        days, place = np.unique(labelled.days, return_inverse=True)
        alerts = np.bincount(place, minlength=len(days))
        frauds = np.bincount(place, weights=labelled.labels, minlength=len(days))
        return [
            AlertDay(int(day), int(count), int(hits))
            for day, count, hits in zip(days, alerts, frauds, strict=True)
        ]


def transactions_of(
    rows: pl.DataFrame,
    days: pl.DataFrame,
    version: int,
    budget_per_day: int,
    within: pl.Expr | None = None,
) -> Transactions:
    """The transactions of a version, or those of them in a slice, from the columns of `Joined`.

    On a day that several versions served, each has its share of the alert budget. Alerts are those
    of all transactions, in a slice, too.
    """
    of_day = days.group_by("day").agg(all=pl.sum("count"))
    shares = days.filter(version=version).join(of_day, on="day")
    budgets = shares.select(
        "day", budget=(budget_per_day * pl.col("count") / pl.col("all")).ceil().cast(pl.Int64)
    )
    own = rows.filter(version=version).join(budgets, on="day").sort("day", "rank")
    is_alert = pl.col("rank") < pl.col("budget")
    is_out = is_alert & ~pl.col("sampled").fill_null(value=True)
    own = own.with_columns(
        is_alert=is_alert, label=pl.when(is_out).then(None).otherwise(pl.col("label"))
    )
    own = own if within is None else own.filter(within)
    return Transactions(
        labels=own["label"].fill_null(-1).to_numpy(),
        days=own["day"].cast(pl.Int64).to_numpy(),
        probabilities=own["probability"].to_numpy(),
        amounts=own["amount"].fill_null(np.nan).to_numpy(),
        weights=own["weight"].to_numpy(),
        is_alert=own["is_alert"].to_numpy(),
    )


def measure(transactions: Transactions, costs: Costs, *, resamples: int) -> dict[str, Estimate]:
    """All of `NAMES` that the transactions determine, with intervals by a bootstrap of them.

    The intervals take transactions as independent: records do not say whose they are.
    """
    labelled = transactions.part(transactions.labels >= 0)
    if not len(labelled.labels):
        return {}
    rows = LabelledRows(labelled.labels, labelled.days, np.nan_to_num(labelled.amounts))
    ranking = Ranking(rows, labelled.probabilities, costs)
    alerts, days = int(transactions.is_alert.sum()), len(np.unique(transactions.days))

    def values(drawn: Weights) -> list[float]:
        weighted = ranking.weighted(drawn)
        at_budget = _at_budget(labelled, drawn, costs, alerts, days)
        return [*(MEASURES[name].value(weighted) for name in RANKED), *at_budget]

    measured = np.array(values(labelled.weights))
    drawn = resample_weights(rows, resamples=resamples, seed=SEED)
    resampled = np.array([values(weights * labelled.weights) for weights in drawn])
    known = [
        place for place, value in enumerate(measured)
        if np.isfinite(value) and np.isfinite(resampled[:, place]).any()
    ]  # fmt: skip
    lower, upper = interval_ends(measured[known], resampled[:, known], ALPHA / 2)
    return {
        NAMES[place]: _within_bounds(NAMES[place], float(measured[place]), float(low), float(high))
        for place, low, high in zip(known, lower, upper, strict=True)
    }


def _within_bounds(name: str, value: float, lower: float, upper: float) -> Estimate:
    if MEASURES[name].unit == "money":
        return Estimate(value, lower, upper)
    return Estimate(value, max(0.0, lower), min(1.0, upper))


def _at_budget(
    labelled: Transactions, drawn: Weights, costs: Costs, alerts: int, days: int
) -> tuple[float, float, float]:
    known = int(drawn[labelled.is_alert].sum())
    if not known:
        return np.nan, np.nan, np.nan
    is_fraud = labelled.labels == 1
    hits = labelled.is_alert & is_fraud
    precision = float(drawn[hits].sum()) / known
    missed = float(drawn[is_fraud & ~labelled.is_alert].sum())
    caught = precision * alerts
    saved = float(drawn[hits] @ labelled.amounts[hits]) / known * alerts - costs.per_alert * alerts
    recall = caught / (caught + missed) if caught + missed else np.nan
    return precision, recall, saved / days


def slices_of(
    rows: pl.DataFrame, version: int, edges: tuple[float, ...]
) -> Iterator[tuple[str, pl.Expr]]:
    """The slices of a version's rows: a name, and which rows of `Joined` are in it.

    By each slice column's values, and by amount: bands between `edges`, ascending.
    """
    own = rows.filter(version=version)
    for column in own.columns:
        if column.startswith(SLICE_PREFIX):
            for value in own[column].drop_nulls().unique().sort():
                yield f"{column.removeprefix(SLICE_PREFIX)} {value}", pl.col(column) == value
    bounds = [-np.inf, *edges, np.inf] if edges and own["amount"].count() else []
    for low, high in pairwise(bounds):
        within = pl.col("amount").is_between(low, high, closed="left")
        yield f"amount {low:g} to {high:g}", within
