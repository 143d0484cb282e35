"""Availability and latency alert at the rates of the SRE Workbook, and stop when it is over."""

from __future__ import annotations

from pathlib import Path

from deploy.monitoring.objectives import LATENCY_SECONDS
from inference.metrics import SECONDS_BUCKETS
from tests.deploy.monitoring.promtool import POD_A, Case, check

OK = f'fraud_requests_total{{{POD_A},route="/predict",status="200"}}'
FAILED = f'fraud_requests_total{{{POD_A},route="/predict",status="503"}}'
STRANGERS = f'fraud_requests_total{{{POD_A},route="/predict",status="401"}}'
PROBES = f'fraud_requests_total{{{POD_A},route="/readyz",status="503"}}'
INFER = f'fraud_requests_total{{{POD_A},route="/v2/models/{{name}}/infer",status="500"}}'
FAST = f'fraud_request_seconds_bucket{{{POD_A},route="/predict",le="0.05"}}'

CASES = (
    Case("healthy", 120),
    Case("2 % fail", 30, {"FraudAvailabilityBurnsFast"}, {FAILED: "0+12x60", OK: "0+588x60"}),
    Case(
        "2 % fail under a flood",
        30,
        {"FraudAvailabilityBurnsFast"},
        {FAILED: "0+12x60", OK: "0+588x60", STRANGERS: "0+60000x60"},
    ),
    Case("2 % fail", 2, (), {FAILED: "0+12x60", OK: "0+588x60"}),
    Case("2 % of another route", 30, {"FraudAvailabilityBurnsFast"}, {INFER: "0+12x60"}),
    Case("1 % fail: 6 times", 30, {"FraudAvailabilityBurnsFast"}, {FAILED: "0+6x60"}),
    Case("0.5 % fail", 50, (), {FAILED: "0+3x120"}),
    Case("0.5 % fail", 70, {"FraudAvailabilityBurnsSlowly"}, {FAILED: "0+3x120"}),
    Case("0.08 % fail", 120, (), {FAILED: "0+1x120", OK: "0+1250x120"}),
    Case("5 % failed, and it is over", 55, (), {FAILED: "0+30x20 600+0x60"}),
    Case("probes fail", 120, (), {PROBES: "0+60x120"}),
    Case("20 % are slow", 30, {"FraudLatencyBurnsFast"}, {FAST: "0+480x60"}),
    Case("3 % are slow", 50, (), {FAST: "0+582x120"}),
    Case("3 % are slow", 70, {"FraudLatencyBurnsSlowly"}, {FAST: "0+582x120"}),
    Case("0.5 % are slow", 120, (), {FAST: "0+597x120"}),
)


def test_they_alert_as_fast_as_what_is_allowed_is_used_up(tmp_path: Path) -> None:
    check(CASES, tmp_path)


def test_the_latency_that_is_promised_is_a_bucket() -> None:
    assert LATENCY_SECONDS in SECONDS_BUCKETS
