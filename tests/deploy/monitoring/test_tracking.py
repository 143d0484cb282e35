"""The tracking server: which faults alert, and when."""

from __future__ import annotations

from pathlib import Path

from tests.deploy.monitoring.promtool import TRACKING, Case, check

UP = f"up{{{TRACKING}}}"
UP_OTHER = UP.replace("10.0.0.9", "10.0.0.10")
OK = f'mlflow_http_request_total{{{TRACKING},method="GET",status="200"}}'
FAILED = f'mlflow_http_request_total{{{TRACKING},method="POST",status="500"}}'

CASES = (
    Case("it does not answer", 13, (), {UP: "1+0x9 0+0x30"}),
    Case("it does not answer", 16, {"FraudTrackingDown"}, {UP: "1+0x9 0+0x30"}),
    Case("its pods are gone", 16, {"FraudTrackingDown"}, {UP: "1+0x9 stale"}),
    Case("one of two does not answer", 30, (), {UP: "1+0x9 0+0x30", UP_OTHER: "1+0x40"}),
    Case("it is elsewhere, and not scraped", 30, (), {UP: "", OK: ""}),
    Case("a tenth of its responses fail", 8, {"FraudTrackingErrors"}, {FAILED: "0+6x30"}),
    Case("one in a hundred fails", 30, (), {FAILED: "0+1x60", OK: "0+99x60"}),
)


def test_a_tracking_server_that_is_away_or_fails_alerts(tmp_path: Path) -> None:
    check(CASES, tmp_path)
