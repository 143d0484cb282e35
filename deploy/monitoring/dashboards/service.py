"""The dashboard *Service*: whether requests are answered in time, and what stands in the way."""

from __future__ import annotations

from deploy.monitoring.burn_rates import AVAILABLE, FAST_ENOUGH, Objective, errors, slow
from deploy.monitoring.dashboards.panel import (
    Dashboard,
    Panel,
    Query,
    Row,
    by,
    heat,
    quantile,
    total,
)
from deploy.monitoring.metrics import SCORING
from deploy.monitoring.objectives import AVAILABILITY, LATENCY_SECONDS, LATENCY_SHARE

PREDICT = 'route="/predict"'
IN_TIME = f"within {LATENCY_SECONDS * 1000:g} ms"


def _kept(title: str, bad: str, objective: float) -> Panel:
    return Panel(
        f"{title}, 30 days",
        f"The objective is {objective:.4g}.",
        (Query(f"1 - ({bad})"),),
        "percentunit",
        "number",
        6,
        red_below=objective,
    )


def _left(title: str, bad: str, objective: Objective) -> Panel:
    return Panel(
        f"{title}: budget left",
        "The share that is left of what the objective allows to fail in 30 days. Below 0, it is "
        "not kept.",
        (Query(f"1 - ({bad}) / {objective.allowed}"),),
        "percentunit",
        "number",
        6,
        red_below=0,
    )


def _burns(title: str, objective: Objective) -> Panel:
    return Panel(
        f"{title}: burn rate",
        "1 uses up in 30 days what the objective allows; alerts start at 14.4 in an hour.",
        tuple(
            Query(f"{objective.bad}{window} / {objective.allowed}", window)
            for window in ("1h", "6h", "3d")
        ),
        "short",
        width=12,
    )


DASHBOARD = Dashboard(
    "service",
    "Objectives, traffic, latency, errors, the pods' models, prediction records.",
    (
        Row(
            "Objectives",
            (
                _kept("Requests for scores without a 5xx", errors("30d"), AVAILABILITY),
                _left("Errors", errors("30d"), AVAILABLE),
                _kept(f"Requests to /predict {IN_TIME}", slow("30d"), LATENCY_SHARE),
                _left("Latency", slow("30d"), FAST_ENOUGH),
                _burns("Errors", AVAILABLE),
                _burns("Latency", FAST_ENOUGH),
            ),
        ),
        Row(
            "Traffic",
            (
                Panel(
                    "Requests for scores",
                    "By status, of callers with a token.",
                    (by("status", "fraud_requests_total", SCORING),),
                    "reqps",
                    "areas",
                ),
                Panel(
                    "Requests by caller",
                    "By the name of the token, on all routes.",
                    (by("caller", "fraud_caller_requests_total"),),
                    "reqps",
                    "areas",
                ),
                Panel(
                    "All requests",
                    "By route; probes, metrics and strangers too.",
                    (by("route", "fraud_requests_total"),),
                    "reqps",
                    "areas",
                ),
                Panel(
                    "Requests in flight",
                    "By pod. FRAUD_IN_FLIGHT bounds them.",
                    (Query("sum by (instance) (fraud_requests_in_flight)", "{{instance}}"),),
                    "short",
                    width=24,
                ),
            ),
        ),
        Row(
            "Latency at the pod",
            (
                Panel(
                    "Requests to /predict by duration",
                    "How many took how long.",
                    (Query(heat("fraud_request_seconds", PREDICT), "{{le}}"),),
                    "s",
                    "heat map",
                    12,
                ),
                Panel(
                    "Quantiles of /predict",
                    "Interpolated within the buckets.",
                    tuple(
                        Query(
                            quantile(share, "fraud_request_seconds", matchers=PREDICT),
                            f"{100 * share:g} %",
                        )
                        for share in (0.5, 0.9, 0.99, 0.999)
                    ),
                    "s",
                    width=6,
                ),
                Panel(
                    "99 % of /predict by pod",
                    "One slow pod is a node or a cold cache; all of them are the model or a store.",
                    (
                        Query(
                            quantile(0.99, "fraud_request_seconds", "instance", matchers=PREDICT),
                            "{{instance}}",
                        ),
                    ),
                    "s",
                    width=6,
                ),
            ),
        ),
        Row(
            "Errors",
            (
                Panel(
                    "Failed requests",
                    "Those with a 5xx, by route and status.",
                    (
                        Query(
                            by("route, status", "fraud_requests_total", 'status=~"5.."').expression,
                            "{{route}} {{status}}",
                        ),
                    ),
                    "reqps",
                ),
                Panel(
                    "Refused requests",
                    "Those with a 4xx, by status: 401 and 403 are strangers, 422 and 400 invalid.",
                    (by("status", "fraud_requests_total", 'status=~"4.."'),),
                    "reqps",
                ),
                Panel(
                    "Invalid fields",
                    "The ten that were rejected most often, by name.",
                    (
                        Query(
                            f"topk(10, {by('field', 'fraud_invalid_fields_total').expression})",
                            "{{field}}",
                        ),
                    ),
                    "cps",
                ),
                Panel(
                    "Invalid requests by caller",
                    "Refused with 400 or 422, by the name of the token.",
                    (by("caller", "fraud_caller_requests_total", 'status=~"400|422"'),),
                    "reqps",
                ),
                Panel(
                    "Closed connections",
                    "Those that the service closed because of what their client did, by reason.",
                    (by("reason", "fraud_connections_closed_total"),),
                    "cps",
                ),
                Panel(
                    "Feature store away",
                    "Requests that it did not answer; transactions that were scored without their "
                    "history.",
                    (
                        total("fraud_store_unavailable_total", "not answered"),
                        total("fraud_without_history_total", "scored without history"),
                    ),
                    "cps",
                ),
            ),
        ),
        Row(
            "Models of the pods",
            (
                Panel(
                    "Versions in service",
                    "Workers by the ledger version that they serve. More than one for longer than "
                    "a few polls of the ledger: some pods do not follow.",
                    (Query("sum by (version) (fraud_model_info)", "version {{version}}"),),
                    "short",
                    "areas",
                ),
                Panel(
                    "Pods",
                    "What each one serves now.",
                    (Query("sum by (instance, version, digest) (fraud_model_info)"),),
                    "short",
                    "table",
                ),
                Panel(
                    "Since the ledger confirmed the model",
                    "By pod. It should not exceed a few polls (FRAUD_POLL_SECONDS).",
                    (Query("max by (instance) (fraud_ledger_lag_seconds)", "{{instance}}"),),
                    "s",
                ),
                Panel(
                    "Swaps",
                    "Models that a running worker replaced, and starts from the cache.",
                    (
                        total("fraud_swaps_total", "swaps", "increase"),
                        total("fraud_cache_starts_total", "starts from the cache", "increase"),
                    ),
                    "short",
                    width=12,
                ),
                Panel(
                    "Polls without the head",
                    "Polls of the ledger that did not end with the head in service, by reason.",
                    (by("reason", "fraud_swaps_failed_total", function="increase"),),
                    "short",
                    width=12,
                ),
            ),
        ),
        Row(
            "Prediction records",
            (
                Panel(
                    "Records",
                    "Written, and lost.",
                    (
                        total("fraud_records_written_total", "written"),
                        total("fraud_records_dropped_total", "dropped"),
                    ),
                    "cps",
                ),
                Panel(
                    "Spool",
                    "Size by pod; it is bounded by FRAUD_RECORDS_SPOOL_BYTES.",
                    (Query("max by (instance) (fraud_records_spool_bytes)", "{{instance}}"),),
                    "bytes",
                ),
                Panel(
                    "Oldest record in the spool, failed moves",
                    "A pod's spool is lost with the pod.",
                    (
                        Query("max(fraud_records_oldest_seconds)", "oldest record"),
                        total("fraud_record_moves_failed_total", "failed moves", "increase"),
                    ),
                    "s",
                ),
            ),
        ),
    ),
)
