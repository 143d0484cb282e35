"""Alerts on pods, on the models that they serve, and on how they follow the ledger."""

from __future__ import annotations

from deploy.monitoring.metrics import INFERENCE_UP, grown, scored
from deploy.monitoring.objectives import (
    MAX_LEDGER_LAG_SECONDS,
    MAX_MODEL_AGE_DAYS,
    MAX_STORE_FAILURES,
    MIN_CERTIFICATE_DAYS,
)
from deploy.monitoring.rule import Alert, Group

CERTIFICATE_ENDS = (
    "probe_ssl_earliest_cert_expiry or certmanager_certificate_expiration_timestamp_seconds"
)
"""What Prometheus' blackbox exporter and cert-manager export; nothing where neither is scraped."""


def _failed_swaps(reasons: str, window: str) -> str:
    failed = f'fraud_swaps_failed_total{{reason=~"{reasons}"}}'
    return f"sum by (reason) ({grown(failed, window)})"


GROUP = Group(
    "service",
    "Pods, the models that they serve, and how they follow the ledger.",
    (
        Alert(
            "FraudServiceAbsent",
            "absent(fraud_model_info)",
            5,
            "critical",
            "No pod has reported a served model for five minutes: nothing answers, or nothing is "
            "scraped.",
        ),
        Alert(
            "FraudPodDown",
            f"{INFERENCE_UP} == 0",
            5,
            "warning",
            "Pod {{ $labels.pod }} does not answer Prometheus.",
        ),
        Alert(
            "FraudPodWithoutModel",
            f"{INFERENCE_UP} == 1 unless on (instance) fraud_model_info",
            10,
            "warning",
            "Pod {{ $labels.pod }} runs, but has loaded no model and is not ready.",
        ),
        Alert(
            "FraudVersionsDiffer",
            "count(count by (version, digest) (fraud_model_info)) > 1",
            15,
            "warning",
            "Pods have served different models for a quarter of an hour: some do not take the "
            "ledger's head.",
        ),
        Alert(
            "FraudLedgerUnconfirmed",
            f"fraud_ledger_lag_seconds > {MAX_LEDGER_LAG_SECONDS} "
            "and on (instance) fraud_model_info",
            5,
            "warning",
            "The ledger has not confirmed the model of pod {{ $labels.pod }} for a quarter of an "
            "hour: it may not be the head any more.",
        ),
        Alert(
            "FraudVerificationFailed",
            _failed_swaps("bytes|verification", "10m"),
            0,
            "critical",
            "The ledger or a model's files did not pass verification ({{ $labels.reason }}): "
            "damage or an attack.",
        ),
        Alert(
            "FraudSwapsFailing",
            _failed_swaps("contract|error|history", "15m"),
            5,
            "warning",
            "Pods do not take the ledger's head ({{ $labels.reason }}), and keep the model before "
            "it.",
        ),
        Alert(
            "FraudStartedFromCache",
            f"sum({grown('fraud_cache_starts_total', '15m')})",
            0,
            "warning",
            "Pods started with the model of their cache, because the tracking server was away: it "
            "may not be the head.",
        ),
        Alert(
            "FraudRegistryUnreachable",
            'sum(increase(fraud_swaps_failed_total{reason="unreachable"}[5m])) > 0',
            10,
            "warning",
            "Pods have not reached the tracking server for ten minutes. They keep serving, but see "
            "no promotion and no rollback.",
        ),
        Alert(
            "FraudModelOld",
            "time() - max(fraud_model_trained_until_timestamp_seconds) "
            f"> {MAX_MODEL_AGE_DAYS} * 86400",
            60,
            "warning",
            f"The model in service was trained on transactions of more than {MAX_MODEL_AGE_DAYS} "
            "days ago.",
        ),
        Alert(
            "FraudCertificateExpires",
            f"({CERTIFICATE_ENDS}) - time() < {MIN_CERTIFICATE_DAYS} * 86400",
            60,
            "warning",
            f"A certificate ends in less than {MIN_CERTIFICATE_DAYS} days "
            "({{ $labels.instance }} {{ $labels.name }}): then no client connects any more.",
        ),
        Alert(
            "FraudFeatureStoreUnreachable",
            f"sum(rate(fraud_store_unavailable_total[5m])) > {MAX_STORE_FAILURES} * {scored('5m')}",
            5,
            "critical",
            "The feature store does not answer: transactions are refused, or scored without their "
            "history.",
        ),
    ),
)
