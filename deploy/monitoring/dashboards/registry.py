"""The dashboard *Registry*: what is in force, and the tracking server that holds it."""

from __future__ import annotations

from deploy.monitoring.dashboards.panel import (
    RATE,
    Dashboard,
    Panel,
    Query,
    Row,
    by,
    heat,
    quantile,
    total,
)
from deploy.monitoring.metrics import TRACKING_UP
from deploy.monitoring.tracking import RESPONSES

SECONDS = "mlflow_http_request_duration_seconds"

DASHBOARD = Dashboard(
    "registry",
    "What is in force, how pods take it, and the tracking server.",
    (
        Row(
            "In force",
            (
                Panel(
                    "Version",
                    "The ledger versions that pods serve, over time: a lower one after a higher "
                    "one is two pods that disagree; a rollback is a higher version, too.",
                    (
                        Query(
                            "sum by (version) (fraud_model_info)",
                            "version {{version}}",
                        ),
                    ),
                    "short",
                    "areas",
                    12,
                ),
                Panel(
                    "Approved at",
                    "When the newest served model was approved.",
                    (Query("1000 * max(fraud_model_approved_timestamp_seconds)"),),
                    "dateTimeAsIso",
                    "number",
                    6,
                ),
                Panel(
                    "From approval to service",
                    "How long after its approval the first pod served the model; after a restart, "
                    "how long after its approval a pod loaded it.",
                    (
                        Query(
                            "min(fraud_model_loaded_timestamp_seconds "
                            "- fraud_model_approved_timestamp_seconds)"
                        ),
                    ),
                    "s",
                    "number",
                    6,
                ),
                Panel(
                    "Swaps",
                    "Models that running workers replaced.",
                    (total("fraud_swaps_total", "swaps", "increase"),),
                    "short",
                ),
                Panel(
                    "Polls without the head",
                    "By reason: `bytes` and `verification` are damage or an attack.",
                    (by("reason", "fraud_swaps_failed_total", function="increase"),),
                    "short",
                ),
                Panel(
                    "Since the ledger confirmed the model",
                    "Of the pod that lags most.",
                    (Query("max(fraud_ledger_lag_seconds)", "lag"),),
                    "s",
                ),
            ),
        ),
        Row(
            "Tracking server",
            (
                Panel(
                    "Pods that answer",
                    "An answer to a scrape needs the database.",
                    (Query(f"sum({TRACKING_UP})", "pods"),),
                    "short",
                    width=6,
                ),
                Panel(
                    "Responses by method",
                    "Of all its pages and interfaces but /health and /version.",
                    (by("method", RESPONSES),),
                    "reqps",
                    "areas",
                    6,
                ),
                Panel(
                    "Responses by status",
                    "A 404 is usual: clients ask whether something exists.",
                    (by("status", RESPONSES),),
                    "reqps",
                    "areas",
                    6,
                ),
                Panel(
                    "Share of server errors",
                    "Most often its database or Blob Storage.",
                    (
                        Query(
                            f'(sum(rate({RESPONSES}{{status=~"5.."}}[{RATE}])) or vector(0)) '
                            f"/ sum(rate({RESPONSES}[{RATE}]))",
                            "errors",
                        ),
                    ),
                    "percentunit",
                    width=6,
                ),
                Panel(
                    "Requests by duration",
                    "How many took how long.",
                    (Query(heat(SECONDS), "{{le}}"),),
                    "s",
                    "heat map",
                    12,
                ),
                Panel(
                    "Quantiles of durations",
                    "Uploads and downloads of files are among them.",
                    tuple(
                        Query(quantile(share, SECONDS), f"{100 * share:g} %")
                        for share in (0.5, 0.9, 0.99)
                    ),
                    "s",
                    width=12,
                ),
            ),
        ),
    ),
)
