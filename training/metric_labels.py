"""The measures of a run as people read them: a name, what it means, and its unit."""

from __future__ import annotations

from registry.report.numbers import Unit, quantity

LABELS: dict[str, tuple[str, str]] = {
    "average_precision": (
        "Average precision",
        "the area under the precision-recall curve: how well frauds are put first",
    ),
    "roc_auc": ("ROC AUC", "how often a fraud gets the higher probability of a random pair"),
    "budget_precision": (
        "Precision at {budget} alerts a day",
        "the share of these alerts that are frauds",
    ),
    "budget_recall": (
        "Recall at {budget} alerts a day",
        "the share of all frauds that is among these alerts",
    ),
    "money_saved_per_day": (
        "Money saved per day at {budget} alerts",
        "the amounts of the frauds caught less the price of the alerts",
    ),
    "card_precision": (
        "Card Precision@{budget}",
        "the share of compromised ones among the customers that are looked at each day; one that "
        "was found is not looked at again",
    ),
    "threshold_precision": (
        "Precision at the threshold",
        "the share of the alerts that are frauds",
    ),
    "threshold_recall": ("Recall at the threshold", "the share of all frauds that is alerted"),
    "threshold_alerts_per_day": ("Alerts per day at the threshold", "what goes to review"),
    "threshold_money_saved_per_day": (
        "Money saved per day at the threshold",
        "the amounts of the frauds caught less the price of the alerts",
    ),
    "brier_score": ("Brier score", "the mean square of probability less label; lower is better"),
    "calibration_error": (
        "Calibration error",
        "how far probabilities lie from the share of fraud, on average; lower is better. It is "
        "above 0 by chance alone, and a little more so in a resample",
    ),
}
"""Of each measure of `training.intervals.estimates`: its name, and what it means."""

_UNITS: dict[str, Unit] = {
    "budget_precision": "share",
    "budget_recall": "share",
    "card_precision": "share",
    "threshold_precision": "share",
    "threshold_recall": "share",
    "threshold_alerts_per_day": "count",
    "money_saved_per_day": "money",
    "threshold_money_saved_per_day": "money",
}


def reading(measure: str, value: float) -> str:
    """A measure's value in its unit; what has none with three digits."""
    if measure in _UNITS:
        return quantity(value, _UNITS[measure])
    return f"{value:.3f}" if value >= 0.1 else f"{value:.3g}"
