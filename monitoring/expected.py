"""What a model should be worth by its own probabilities, before there is any label.

If probabilities are calibrated, a transaction of probability p is a fraud with probability p, and
every measure has an expected value (CBPE, confidence-based performance estimation; J. Białek et
al., Estimating Model Performance Under Covariate Shift Without Labels, 2024). It sees what moves
the probabilities, and is blind to frauds of a new kind, whose probabilities are low: compare it
with what came true.
"""

from __future__ import annotations

import numpy as np

from monitoring.performance import Transactions

EXPECTED = ("average_precision", "budget_precision", "budget_recall")


def expected(transactions: Transactions) -> dict[str, float]:
    """The expected value of each of `EXPECTED`, labels or not; none where no fraud is expected.

    Of average precision and recall it is a ratio of expected values, close to it for many frauds.
    """
    probabilities = transactions.probabilities.astype(np.float64)
    frauds = float(transactions.weights @ probabilities)
    alerts = probabilities[transactions.is_alert]
    if not frauds or not len(alerts):
        return {}
    order = np.argsort(-probabilities, kind="stable")
    ordered, weights = probabilities[order], transactions.weights[order].astype(np.int64)
    until = np.cumsum(weights)
    before = np.cumsum(weights * ordered) - ordered
    # A fraud at its place, and those that are expected above it.
    precision = (1 + before) / until
    return {
        "average_precision": float((weights * ordered * precision).sum() / frauds),
        "budget_precision": float(alerts.mean()),
        "budget_recall": float(alerts.sum() / frauds),
    }
