"""The decision threshold, chosen on rows that the model was not fitted on.

The arithmetic is in `registry.evaluation.metrics`, which evaluation uses as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.metrics import LabelledRows, budget_threshold, cost_threshold
from training.dataset import Dataset


def choose_threshold(dataset: Dataset, rows: LabelledRows, scores: NDArray[np.float32]) -> float:
    """The threshold for scores of shape (n,) on validation rows, between 0 and 1.

    For the budget it is the lowest that keeps the alerts of all days together within the budget;
    for the cost, the one that would have saved most money.
    """
    if dataset.threshold_for == "cost":
        return cost_threshold(rows, scores, dataset.alert_cost)
    days = len(np.unique(rows.days))
    return budget_threshold(scores, dataset.alert_budget_per_day * days)


def threshold_method(dataset: Dataset) -> str:
    """How the threshold was chosen, in words, for the contract."""
    if dataset.threshold_for == "cost":
        method = f"saves most money on the validation days, at {dataset.alert_cost:g} per alert"
    else:
        budget = dataset.alert_budget_per_day
        method = f"the lowest that keeps validation alerts within {budget} a day"
    return f"{method}; chosen before the final fit"
