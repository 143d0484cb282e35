"""The dashboard *Model*: what the model in force decides, and on which inputs."""

from __future__ import annotations

from deploy.monitoring.dashboards.panel import (
    RATE,
    Choice,
    Dashboard,
    Panel,
    Query,
    Row,
    by,
    heat,
    quantile,
    total,
)
from deploy.monitoring.objectives import MAX_REVIEW_CHANGE
from deploy.monitoring.requests import REVIEWS

INPUT = 'input="$input"'

DASHBOARD = Dashboard(
    "model",
    "Scores, decisions, inputs against training, history and labels.",
    (
        Row(
            "In force",
            (
                Panel(
                    "Served models",
                    "Workers by the ledger version and the digest that they serve.",
                    (Query("sum by (version, digest) (fraud_model_info)"),),
                    "short",
                    "table",
                    9,
                ),
                Panel(
                    "Since the last training transaction",
                    "Of the newest model that a pod serves; FraudModelOld watches it.",
                    (Query("time() - max(fraud_model_trained_until_timestamp_seconds)"),),
                    "s",
                    "number",
                    5,
                ),
                Panel(
                    "Since its approval",
                    "Of the newest model that a pod serves.",
                    (Query("time() - max(fraud_model_approved_timestamp_seconds)"),),
                    "s",
                    "number",
                    5,
                ),
                Panel(
                    "Since it was loaded",
                    "By the pod that loaded last.",
                    (Query("time() - max(fraud_model_loaded_timestamp_seconds)"),),
                    "s",
                    "number",
                    5,
                ),
            ),
        ),
        Row(
            "Scores and decisions",
            (
                Panel(
                    "Probabilities",
                    "How many transactions got which probability of fraud.",
                    (Query(heat("fraud_probability"), "{{le}}"),),
                    "short",
                    "heat map",
                ),
                Panel(
                    "Probabilities: mean and quantiles",
                    "A step without a swap: other inputs.",
                    (
                        Query(
                            f"sum(rate(fraud_probability_sum[{RATE}])) "
                            f"/ sum(rate(fraud_probability_count[{RATE}]))",
                            "mean",
                        ),
                        *(
                            Query(quantile(share, "fraud_probability"), f"{100 * share:g} %")
                            for share in (0.5, 0.9, 0.99)
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Decisions",
                    "Transactions by what the threshold decided.",
                    (by("decision", "fraud_decisions_total"),),
                    "cps",
                    "areas",
                ),
                Panel(
                    "Share sent to review",
                    "Of the last hour and of the last day, with the band of "
                    "FraudDecisionsOutsideBand.",
                    (
                        Query(f"{REVIEWS}1h", "1 h"),
                        Query(f"{REVIEWS}1d", "1 d"),
                        Query(f"{REVIEWS}1d * {MAX_REVIEW_CHANGE}", "upper bound"),
                        Query(f"{REVIEWS}1d / {MAX_REVIEW_CHANGE}", "lower bound"),
                    ),
                    "percentunit",
                    width=24,
                ),
            ),
        ),
        Row(
            "Inputs",
            (
                Panel(
                    "Stability index",
                    "The ten inputs that differ most from training (PSI), since the model was "
                    "loaded; from 1,000 rows on.",
                    (Query("topk(10, max by (input) (fraud_input_stability_index))", "{{input}}"),),
                    "short",
                    width=24,
                ),
                Panel(
                    "$input in service",
                    "Share of the scored rows in each bin, since the model was loaded.",
                    (
                        Query(
                            f"sum by (bin) (fraud_input_rows_total{{{INPUT}}}) "
                            f"/ on () group_left sum(fraud_input_rows_total{{{INPUT}}})",
                            "{{bin}}",
                        ),
                    ),
                    "percentunit",
                    "areas",
                    12,
                ),
                Panel(
                    "$input in training",
                    "Share of the training rows in each bin.",
                    (
                        Query(
                            f"max by (bin) (fraud_input_reference_share{{{INPUT}}})",
                            "{{bin}}",
                        ),
                    ),
                    "percentunit",
                    "areas",
                    12,
                ),
            ),
        ),
        Row(
            "History and labels",
            (
                Panel(
                    "Transactions that became history",
                    "New ones, and those that were there already.",
                    (by("result", "fraud_history_transactions_total"),),
                    "cps",
                ),
                Panel(
                    "Scored without history",
                    "Because the feature store was away, and those that did not become history "
                    "later either.",
                    (
                        total("fraud_without_history_total", "without history"),
                        total("fraud_history_lost_total", "lost"),
                    ),
                    "cps",
                ),
                Panel(
                    "Missing history",
                    "How far the model's windows reach beyond what the feature store holds, by "
                    "pod.",
                    (Query("max by (instance) (fraud_history_missing_seconds)", "{{instance}}"),),
                    "s",
                ),
                Panel(
                    "Labels",
                    "By what became of them.",
                    (by("result", "fraud_labels_total", function="increase"),),
                    "short",
                    width=12,
                ),
                Panel(
                    "Late labels",
                    "Known later than the label delay: until then, features had other values than "
                    "in training.",
                    (total("fraud_labels_late_total", "late", "increase"),),
                    "short",
                    width=12,
                ),
            ),
        ),
    ),
    (Choice("input", "fraud_input_reference_share", "input"),),
)
