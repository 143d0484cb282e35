"""Alerts on what the model in force is worth, from the looks of `python -m monitoring`."""

from __future__ import annotations

from deploy.monitoring.objectives import (
    MAX_LOOK_AGE_DAYS,
    MAX_UNLABELLED,
    MIN_DUE_TRANSACTIONS,
)
from deploy.monitoring.rule import Alert, Group

UNLABELLED = 'sum(fraud_live_transactions{result="unlabelled"})'
DUE = 'sum(fraud_live_transactions{result=~"unlabelled|genuine|frauds"})'
"""Transactions that are older than the label delay."""

GROUP = Group(
    "model",
    "What the model in force is worth, where `python -m monitoring` exports its looks.",
    (
        Alert(
            "FraudLiveBelowPromise",
            "fraud_live_rollback_proposed == 1",
            0,
            "warning",
            "Alerts of version {{ $labels.version }} are frauds significantly less often than its "
            "evidence promised. A rollback is proposed; nothing was rolled back.",
        ),
        Alert(
            "FraudInputDrifted",
            "fraud_drift_detected == 1",
            0,
            "warning",
            "{{ $labels.input }} of version {{ $labels.version }} has another distribution than in "
            "training.",
        ),
        Alert(
            "FraudLabelsMissing",
            f"{UNLABELLED} > {MAX_UNLABELLED} * {DUE} and {DUE} >= {MIN_DUE_TRANSACTIONS}",
            60,
            "warning",
            f"More than {MAX_UNLABELLED:.0%} of the transactions that are older than the label "
            "delay have no label: what the model is worth cannot be said.",
        ),
        Alert(
            "FraudLookOld",
            f"time() - max(fraud_live_until_timestamp_seconds) > {MAX_LOOK_AGE_DAYS} * 86400",
            60,
            "warning",
            f"Live performance was last looked at more than {MAX_LOOK_AGE_DAYS} days ago: the "
            "daily job fails, or does not run.",
        ),
    ),
)
