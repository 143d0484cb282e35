"""The one table of measures: what is measured of a model, how it is read, and which gates take it.

To add a measure, add one entry to `MEASURES`. Gates, their policy keys, the bootstrap, the report,
the training run, the model card and docs/measures.md take it from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking, Scores, WeightedRanking

Unit = Literal["score", "share", "count", "money"]
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Measure:
    """One number that is measured of a model on labelled rows.

    `phrase` names it in a sentence, `label` above a column or at a bar ("{budget}" stands for the
    alert budget), `report_label` in the report's table of what a promotion changes for the
    business; a measure without one is not in that table. `gates` are the names of the gates that
    can bound it. `of` computes it from weighted rows. Where `needs_both_labels`, it is NaN on rows
    without a fraud or without a genuine transaction.
    """

    name: str
    phrase: str
    label: str
    meaning: str
    unit: Unit
    of: Callable[[WeightedRanking], float]
    gates: tuple[str, ...] = ()
    report_label: str = ""
    better: Literal["higher", "lower", "neither"] = "higher"
    needs_both_labels: bool = True
    needs_clusters: bool = False

    def value(self, weighted: WeightedRanking) -> float:
        """The measure, or NaN where the rows do not determine it."""
        if weighted.is_empty:
            return np.nan
        if self.needs_both_labels and not (weighted.frauds and weighted.genuine):
            return np.nan
        return self.of(weighted)

    @property
    def higher_is_better(self) -> bool:
        return self.better != "lower"

    @property
    def description(self) -> str:
        return f"{self.meaning}; lower is better" if self.better == "lower" else self.meaning

    def gain(self, candidate: float, production: float) -> float:
        """How much better the candidate is; below 0 where it is worse."""
        difference = candidate - production
        return difference if self.higher_is_better else -difference


def _average_precision(weighted: WeightedRanking) -> float:
    """The area under the precision-recall curve, summed as scikit-learn does."""
    by_score = weighted.ranking.by_score
    own = weighted.weights[by_score.frauds].astype(np.int64)
    rows = weighted.rows_until[by_score.tie_end]
    precision = weighted.frauds_until[by_score.frauds_until] / np.maximum(rows, 1)
    return float((own * precision).sum() / weighted.frauds)


def _roc_auc(weighted: WeightedRanking) -> float:
    """The share of pairs that are ranked right; a tie counts half."""
    by_score = weighted.ranking.by_score
    own = weighted.weights[by_score.frauds].astype(np.int64)
    until = weighted.rows_until[by_score.tie_end] - weighted.frauds_until[by_score.frauds_until]
    before = weighted.rows_until[by_score.tie_start] - weighted.frauds_until[by_score.frauds_before]
    return float((own * (1 - (until + before) / 2 / weighted.genuine)).sum() / weighted.frauds)


def _calibration_error(weighted: WeightedRanking) -> float:
    return calibration_error(weighted, CALIBRATION_BINS)


def calibration_error(weighted: WeightedRanking, bins: int) -> float:
    """Expected calibration error over `bins` bins of equally many rows, between 0 and 1.

    The mean of |mean score - share of fraud| over the bins (Naeini et al., 2015; with equal counts,
    since nearly all scores of a fraud model are close to 0). Rows with one score count with the
    share of fraud among all of them: their order says nothing about the model.
    """
    ranked = weighted.ranking.reliability
    drawn = weighted.weights[ranked.order]
    rows_until = np.append(0, np.cumsum(drawn, dtype=np.int64))
    gap_until = np.append(0.0, np.cumsum(drawn * ranked.gaps))
    total = int(rows_until[-1])
    borders = np.append(0, np.cumsum(total // bins + (np.arange(bins) < total % bins)))
    at = np.maximum(np.searchsorted(rows_until, borders) - 1, 0)
    start, end = ranked.tie_start[at], ranked.tie_end[at]
    # Within a tie the gap grows evenly from row to row.
    part = (borders - rows_until[start]) / np.maximum(1, rows_until[end] - rows_until[start])
    gap = gap_until[start] + part * (gap_until[end] - gap_until[start])
    return float(np.abs(np.diff(gap)).sum()) / total


def _brier_score(weighted: WeightedRanking) -> float:
    return float(weighted.weights @ weighted.ranking.squared_errors / weighted.weights.sum())


def _alerts_at_threshold(weighted: WeightedRanking) -> int:
    return int(weighted.weights[weighted.ranking.alerted].sum())


def _frauds_at_threshold(weighted: WeightedRanking) -> int:
    return int(weighted.weights[weighted.ranking.alerted_frauds].sum())


def _saved_at_threshold(weighted: WeightedRanking) -> float:
    ranking = weighted.ranking
    caught = ranking.alerted_frauds
    amounts = float(weighted.weights[caught] @ ranking.rows.amounts[caught])
    return amounts - ranking.costs.per_alert * _alerts_at_threshold(weighted)


_TABLE = (
    Measure(
        name="average_precision",
        phrase="average precision",
        label="Average precision",
        meaning="the area under the precision-recall curve: how well frauds are ranked first",
        unit="score",
        of=_average_precision,
        gates=("floor", "no_worse", "slices"),
    ),
    Measure(
        name="roc_auc",
        phrase="ROC AUC",
        label="ROC AUC",
        meaning="how often the fraud of a random pair gets the higher probability",
        unit="score",
        of=_roc_auc,
        gates=("floor", "no_worse"),
    ),
    Measure(
        name="budget_recall",
        phrase="alert-budget recall",
        label="Recall at {budget} alerts a day",
        meaning="the share of all frauds that is among these alerts",
        unit="share",
        of=lambda weighted: weighted.alerts.frauds / weighted.frauds,
        gates=("floor", "no_worse"),
        report_label="Share of all frauds that is caught",
    ),
    Measure(
        name="money_saved_per_day",
        phrase="money saved per day",
        label="Money saved per day at {budget} alerts",
        meaning="the amounts of the frauds caught less the price of the alerts",
        unit="money",
        of=lambda weighted: weighted.alerts.saved / weighted.ranking.days,
        gates=("floor", "no_worse"),
        report_label="Money saved per day, in the amounts' currency",
    ),
    Measure(
        name="budget_precision",
        phrase="alert-budget precision",
        label="Precision at {budget} alerts a day",
        meaning="the share of these alerts that are frauds",
        unit="share",
        of=lambda weighted: weighted.alerts.frauds / max(weighted.alerts.count, 1),
        gates=("floor", "no_worse"),
        report_label="Precision of the alerts",
    ),
    Measure(
        name="card_precision",
        phrase="Card Precision",
        label="Card Precision@{budget}",
        meaning="the share of compromised customers among those that are looked at each day; one "
        "that was found is not looked at again",
        unit="share",
        of=lambda weighted: weighted.ranking.cards.precision(
            weighted.ranking.costs.budget_per_day, weighted.weights
        ),
        needs_both_labels=False,
        needs_clusters=True,
    ),
    Measure(
        name="threshold_precision",
        phrase="precision at the threshold",
        label="Precision at the threshold",
        meaning="the share of the alerts that are frauds",
        unit="share",
        of=lambda weighted: _frauds_at_threshold(weighted) / max(1, _alerts_at_threshold(weighted)),
        needs_both_labels=False,
    ),
    Measure(
        name="threshold_recall",
        phrase="recall at the threshold",
        label="Recall at the threshold",
        meaning="the share of all frauds that raises an alert",
        unit="share",
        of=lambda weighted: (
            _frauds_at_threshold(weighted) / weighted.frauds if weighted.frauds else np.nan
        ),
        gates=("decisions",),
        needs_both_labels=False,
    ),
    Measure(
        name="threshold_alerts_per_day",
        phrase="alerts per day at the threshold",
        label="Alerts per day at the threshold",
        meaning="how many transactions go to review",
        unit="count",
        of=lambda weighted: _alerts_at_threshold(weighted) / weighted.ranking.days,
        gates=("decisions",),
        better="neither",
        needs_both_labels=False,
    ),
    Measure(
        name="threshold_money_saved_per_day",
        phrase="money saved per day at the threshold",
        label="Money saved per day at the threshold",
        meaning="the amounts of the frauds caught less the price of the alerts",
        unit="money",
        of=lambda weighted: _saved_at_threshold(weighted) / weighted.ranking.days,
        gates=("decisions",),
        needs_both_labels=False,
    ),
    Measure(
        name="brier_score",
        phrase="Brier score",
        label="Brier score",
        meaning="the mean squared difference of probability and label",
        unit="score",
        of=_brier_score,
        better="lower",
        needs_both_labels=False,
    ),
    Measure(
        name="calibration_error",
        phrase="calibration error",
        label="Calibration error",
        meaning="how far probabilities are from the share of fraud, on average. It is above 0 by "
        "chance alone, and a little more so in a resample",
        unit="score",
        of=_calibration_error,
        gates=("calibration",),
        better="lower",
        needs_both_labels=False,
    ),
)

MEASURES = {measure.name: measure for measure in _TABLE}
"""Every measure by name, in the order in which they are shown."""


def measures_of(gate: str) -> tuple[Measure, ...]:
    """The measures that a gate can bound."""
    return tuple(measure for measure in MEASURES.values() if gate in measure.gates)


def measure_all(ranking: Ranking, measures: Iterable[Measure]) -> dict[str, float]:
    """The measures of one model by name, each row counted once."""
    weighted = ranking.weighted()
    return {measure.name: measure.value(weighted) for measure in measures}


def detection(rows: LabelledRows, scores: Scores, costs: Costs) -> dict[str, float]:
    """What Production and a candidate are compared by, of scores of shape (n,), by name.

    The rows hold both labels.
    """
    return measure_all(Ranking(rows, scores, costs), measures_of("no_worse"))
