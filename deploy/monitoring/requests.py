"""Alerts on traffic, decisions, labels and prediction records."""

from __future__ import annotations

from deploy.monitoring.metrics import SCORING, grown
from deploy.monitoring.objectives import (
    MAX_CALLER_INVALID,
    MAX_INVALID,
    MAX_LATE_LABELS,
    MAX_RECORD_AGE_SECONDS,
    MAX_REVIEW_CHANGE,
    MIN_EXPECTED_REVIEWS,
    MIN_INVALID_REQUESTS,
    MIN_LATE_LABELS,
    MIN_SCORED_PER_SECOND,
)
from deploy.monitoring.rule import Alert, Group, Record

REVIEWS = "service:reviews:ratio_increase"
DECISIONS = "service:decisions:increase1h"
ALL = f"sum(increase(fraud_requests_total{{{SCORING}}}[15m]))"
INVALID = f'sum(increase(fraud_requests_total{{{SCORING},status=~"400|422"}}[15m]))'
FROM_CALLER = "sum by (caller) (increase(fraud_caller_requests_total[15m]))"
FROM_CALLER_INVALID = (
    'sum by (caller) (increase(fraud_caller_requests_total{status=~"400|422"}[15m]))'
)
LATE = grown("fraud_labels_late_total", "1d")
LABELS = grown('fraud_labels_total{result=~"recorded|reversed"}', "1d")


def _decided(window: str) -> str:
    """Transactions per second that got a decision, whatever the status of other requests."""
    return f"sum(rate(fraud_decisions_total[{window}]))"


def _reviews(window: str) -> str:
    return (
        f'sum(increase(fraud_decisions_total{{decision="review"}}[{window}])) '
        f"/ sum(increase(fraud_decisions_total[{window}]))"
    )


GROUP = Group(
    "requests",
    "Traffic, decisions, labels and prediction records.",
    (
        Record(f"{REVIEWS}1h", _reviews("1h")),
        Record(f"{REVIEWS}1d", _reviews("1d")),
        Record(DECISIONS, "sum(increase(fraud_decisions_total[1h]))"),
        Alert(
            "FraudNoTraffic",
            f"{_decided('1d')} > {MIN_SCORED_PER_SECOND} unless {_decided('15m')} > 0",
            5,
            "critical",
            "No transaction has been scored for twenty minutes: payments may go through unscored.",
        ),
        Alert(
            "FraudDecisionsOutsideBand",
            f"({REVIEWS}1h > {MAX_REVIEW_CHANGE} * {REVIEWS}1d "
            f"or {REVIEWS}1h < {REVIEWS}1d / {MAX_REVIEW_CHANGE}) "
            f"and {REVIEWS}1d * {DECISIONS} >= {MIN_EXPECTED_REVIEWS}",
            15,
            "warning",
            f"The share of transactions sent to review is more than {MAX_REVIEW_CHANGE} times, or "
            f"less than 1/{MAX_REVIEW_CHANGE} of, what it was over the last day.",
        ),
        Alert(
            "FraudRequestsInvalid",
            f"{INVALID} > {MAX_INVALID} * {ALL} and {INVALID} > {MIN_INVALID_REQUESTS}",
            5,
            "warning",
            f"More than {MAX_INVALID:.0%} of the requests for scores are refused as invalid: a "
            "client sends what the model does not take.",
        ),
        Alert(
            "FraudClientInvalid",
            f"{FROM_CALLER_INVALID} > {MAX_CALLER_INVALID} * {FROM_CALLER} "
            f"and {FROM_CALLER_INVALID} > {MIN_INVALID_REQUESTS}",
            5,
            "warning",
            f"More than {MAX_CALLER_INVALID:.0%} of the requests of {{{{ $labels.caller }}}} are "
            "refused as invalid.",
        ),
        Alert(
            "FraudLabelsLate",
            f"sum({LATE}) > {MAX_LATE_LABELS} * sum({LABELS}) and sum({LATE}) > {MIN_LATE_LABELS}",
            0,
            "warning",
            f"More than {MAX_LATE_LABELS:.0%} of a day's labels came later than the label delay: "
            "features have had other values than in training.",
        ),
        Alert(
            "FraudRecordsDropped",
            f"sum({grown('fraud_records_dropped_total', '15m')})",
            0,
            "warning",
            "Prediction records were lost: decisions of the last minutes cannot all be computed "
            "again.",
        ),
        Alert(
            "FraudRecordsWaiting",
            f"max(fraud_records_oldest_seconds) > {MAX_RECORD_AGE_SECONDS}",
            5,
            "warning",
            "Prediction records have waited for more than an hour in a pod's spool, which is lost "
            "with the pod.",
        ),
    ),
)
