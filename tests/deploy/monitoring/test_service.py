"""Pods, their models, and how they follow the ledger: which faults alert, and when."""

from __future__ import annotations

from pathlib import Path

from tests.deploy.monitoring.promtool import POD_A, POD_B, Case, check

DAY = 86_400
UP_B = f"up{{{POD_B}}}"
MODEL_A = f'fraud_model_info{{{POD_A},version="7",digest="d7"}}'
MODEL_B = f'fraud_model_info{{{POD_B},version="7",digest="d7"}}'
OTHER_A = f'fraud_model_info{{{POD_A},version="8",digest="d8"}}'
OTHER_B = f'fraud_model_info{{{POD_B},version="8",digest="d8"}}'
LAG_B = f"fraud_ledger_lag_seconds{{{POD_B}}}"
CACHED_B = f"fraud_cache_starts_total{{{POD_B}}}"
TRAINED_A = f"fraud_model_trained_until_timestamp_seconds{{{POD_A}}}"
TRAINED_B = f"fraud_model_trained_until_timestamp_seconds{{{POD_B}}}"
PROBED = 'probe_ssl_earliest_cert_expiry{instance="https://fraud.example.com"}'
MANAGED = 'certmanager_certificate_expiration_timestamp_seconds{name="fraud"}'
STORE = f"fraud_store_unavailable_total{{{POD_A}}}"


def failed(reason: str) -> str:
    return f'fraud_swaps_failed_total{{{POD_A},reason="{reason}"}}'


CASES = (
    Case("no model anywhere", 4, (), {MODEL_A: "", MODEL_B: ""}),
    Case("no model anywhere", 8, {"FraudServiceAbsent"}, {MODEL_A: "", MODEL_B: ""}),
    Case("a pod dies", 13, (), {UP_B: "1+0x9 0+0x30", MODEL_B: "1+0x9 stale"}),
    Case("a pod dies", 16, {"FraudPodDown"}, {UP_B: "1+0x9 0+0x30", MODEL_B: "1+0x9 stale"}),
    Case("a pod is deleted", 30, (), {UP_B: "1+0x9 stale", MODEL_B: "1+0x9 stale"}),
    Case("a pod loads no model", 9, (), {MODEL_B: ""}),
    Case("a pod loads no model", 11, {"FraudPodWithoutModel"}, {MODEL_B: ""}),
    Case("a promotion arrives", 30, (), {MODEL_B: "1+0x9 stale", OTHER_B: "_x10 1+0x30",
         MODEL_A: "1+0x11 stale", OTHER_A: "_x12 1+0x30"}),
    Case("two versions", 14, (), {MODEL_B: "", OTHER_B: "1+0x30"}),
    Case("two versions", 16, {"FraudVersionsDiffer"}, {MODEL_B: "", OTHER_B: "1+0x30"}),
    Case("a pod lags", 19, (), {LAG_B: "0+60x60"}),
    Case("a pod lags", 22, {"FraudLedgerUnconfirmed"}, {LAG_B: "0+60x60"}),
    Case("a pod without a model lags", 30, {"FraudPodWithoutModel"},
         {LAG_B: "0+60x60", MODEL_B: ""}),
    Case("a bad signature, once", 11, {"FraudVerificationFailed"},
         {failed("verification"): "_x10 1+0x40"}),
    Case("changed bytes, at each poll", 30, {"FraudVerificationFailed"},
         {failed("bytes"): "_x10 1+2x40"}),
    Case("a bad signature, long ago", 30, (), {failed("verification"): "3+0x40"}),
    Case("nothing in Production yet", 30, (), {failed("empty"): "0+2x40"}),
    Case("a contract that does not fit", 17, {"FraudSwapsFailing"},
         {failed("contract"): "_x10 1+2x40"}),
    Case("a contract that did not fit", 30, (), {failed("contract"): "5+0x40"}),
    Case("a start from the cache", 11, {"FraudStartedFromCache"}, {CACHED_B: "_x10 1+0x60"}),
    Case("a start from the cache, long ago", 40, (), {CACHED_B: "_x10 1+0x60"}),
    Case("the registry is away", 25, {"FraudRegistryUnreachable"},
         {failed("unreachable"): "_x10 1+2x40"}),
    Case("the registry was away for a moment", 25, (),
         {failed("unreachable"): "_x10 1+2x3 7+0x30"}),
    Case("trained 91 days ago", 58, (), {TRAINED_A: f"-{91 * DAY}+0x130"}),
    Case("trained 91 days ago", 64, {"FraudModelOld"}, {TRAINED_A: f"-{91 * DAY}+0x130"}),
    Case("trained 89 days ago", 120, (), {TRAINED_A: f"-{89 * DAY}+0x130"}),
    Case("one pod has a newer model", 120, (),
         {TRAINED_A: f"-{91 * DAY}+0x130", TRAINED_B: f"-{9 * DAY}+0x130"}),
    Case("a certificate ends in 20 days", 64, {"FraudCertificateExpires"},
         {PROBED: f"{20 * DAY}+0x130", MANAGED: f"{60 * DAY}+0x130"}),
    Case("a certificate ends in 20 days", 64, {"FraudCertificateExpires"},
         {PROBED: f"{60 * DAY}+0x130", MANAGED: f"{20 * DAY}+0x130"}),
    Case("both certificates last", 120, (),
         {PROBED: f"{22 * DAY}+0x130", MANAGED: f"{60 * DAY}+0x130"}),
    Case("the store is away", 8, {"FraudFeatureStoreUnreachable"}, {STORE: "0+60x40"}),
    Case("the store was slow for a moment", 20, (), {STORE: "0+0x9 3+0x30"}),
)  # fmt: skip


def test_faults_of_pods_and_models_alert_and_what_is_usual_does_not(tmp_path: Path) -> None:
    check(CASES, tmp_path)
