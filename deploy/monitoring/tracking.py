"""Alerts on the tracking server and its database."""

from __future__ import annotations

from deploy.monitoring.metrics import TRACKING_UP
from deploy.monitoring.objectives import MAX_TRACKING_ERRORS
from deploy.monitoring.rule import Alert, Group

RESPONSES = "mlflow_http_request_total"

GROUP = Group(
    "tracking",
    "The tracking server and its database.",
    (
        Alert(
            "FraudTrackingDown",
            # Where the tracking server is not scraped at all, there is nothing in the last hour.
            f"count(count_over_time({TRACKING_UP}[1h])) unless count({TRACKING_UP} == 1)",
            5,
            "warning",
            "No pod of the tracking server, or not its database, answers: no promotion, no "
            "rollback, and new pods start from their caches. Pods that run keep serving.",
        ),
        Alert(
            "FraudTrackingErrors",
            f'sum(rate({RESPONSES}{{status=~"5.."}}[10m])) '
            f"> {MAX_TRACKING_ERRORS} * sum(rate({RESPONSES}[10m]))",
            5,
            "warning",
            f"More than {MAX_TRACKING_ERRORS:.0%} of the tracking server's responses are server "
            "errors: most often its database or Blob Storage.",
        ),
    ),
)
