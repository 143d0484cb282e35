"""Looks of `python -m monitoring`: what alerts, and what does not."""

from __future__ import annotations

from pathlib import Path

from monitoring.exposition import FAMILIES
from tests.deploy.monitoring.promtool import Case, check

DAY = 86_400
PROPOSED = 'fraud_live_rollback_proposed{version="7"}'
DRIFTED = 'fraud_drift_detected{version="7",input="amount"}'
UNLABELLED = 'fraud_live_transactions{result="unlabelled"}'
GENUINE = 'fraud_live_transactions{result="genuine"}'
FRAUDS = 'fraud_live_transactions{result="frauds"}'
IMMATURE = 'fraud_live_transactions{result="immature"}'
UNTIL = "fraud_live_until_timestamp_seconds"

CASES = (
    Case("no rollback is proposed", 30, (), {PROPOSED: "0+0x40"}),
    Case("a rollback is proposed", 11, {"FraudLiveBelowPromise"}, {PROPOSED: "0+0x9 1+0x40"}),
    Case("no input has drifted", 30, (), {DRIFTED: "0+0x40"}),
    Case("an input has drifted", 11, {"FraudInputDrifted"}, {DRIFTED: "0+0x9 1+0x40"}),
    Case("most have no label", 58, (),
         {UNLABELLED: "600+0x130", GENUINE: "390+0x130", FRAUDS: "10+0x130"}),
    Case("most have no label", 64, {"FraudLabelsMissing"},
         {UNLABELLED: "600+0x130", GENUINE: "390+0x130", FRAUDS: "10+0x130"}),
    Case("most are too young for one", 120, (),
         {IMMATURE: "9000+0x130", UNLABELLED: "10+0x130", GENUINE: "990+0x130"}),
    Case("few are old enough", 120, (), {UNLABELLED: "600+0x130", GENUINE: "100+0x130"}),
    Case("looked at yesterday", 120, (), {UNTIL: f"-{DAY}+0x130"}),
    Case("looked at three days ago", 64, {"FraudLookOld"}, {UNTIL: f"-{3 * DAY}+0x130"}),
)  # fmt: skip


def test_a_broken_promise_alerts_and_a_kept_one_does_not(tmp_path: Path) -> None:
    check(CASES, tmp_path)


def test_the_metrics_are_those_of_the_looks() -> None:
    names = (PROPOSED, DRIFTED, UNLABELLED, UNTIL)
    assert {name.partition("{")[0] for name in names} <= FAMILIES.keys()
