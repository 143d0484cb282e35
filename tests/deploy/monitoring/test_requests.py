"""Traffic, decisions, labels and records: which faults alert, and when."""

from __future__ import annotations

from pathlib import Path

from tests.deploy.monitoring.promtool import POD_A, Case, check

APPROVED = f'fraud_decisions_total{{{POD_A},decision="approve"}}'
REVIEWED = f'fraud_decisions_total{{{POD_A},decision="review"}}'
OK = f'fraud_requests_total{{{POD_A},route="/predict",status="200"}}'
INVALID = f'fraud_requests_total{{{POD_A},route="/predict",status="422"}}'
UNREADABLE = f'fraud_requests_total{{{POD_A},route="/invocations",status="400"}}'
BOB_OK = f'fraud_caller_requests_total{{{POD_A},caller="bob",status="200"}}'
BOB_INVALID = f'fraud_caller_requests_total{{{POD_A},caller="bob",status="422"}}'
BOB_BUSY = f'fraud_caller_requests_total{{{POD_A},caller="bob",status="503"}}'
LABELS = f'fraud_labels_total{{{POD_A},result="recorded"}}'
LATE = f"fraud_labels_late_total{{{POD_A}}}"
DROPPED = f"fraud_records_dropped_total{{{POD_A}}}"
OLDEST = f"fraud_records_oldest_seconds{{{POD_A}}}"

STOPPED = {APPROVED: "0+590x60 35400+0x60", REVIEWED: "0+10x60 600+0x60"}
MANY_REVIEWS = {APPROVED: "0+590x60 35400+30x80", REVIEWED: "0+10x60 600+30x80"}
NO_REVIEWS = {REVIEWED: "0+10x60 600+0x80"}
FEW_DECISIONS = {APPROVED: "0+10x100", REVIEWED: "0+1x30 30+0x70"}

CASES = (
    Case("traffic stops", 74, (), STOPPED),
    Case("traffic stops", 82, {"FraudNoTraffic"}, STOPPED),
    Case("there never was any", 90, (), {APPROVED: "0+0x90", REVIEWED: "0+0x90"}),
    Case("many times the reviews", 128, {"FraudDecisionsOutsideBand"}, MANY_REVIEWS),
    Case("no reviews", 128, {"FraudDecisionsOutsideBand"}, NO_REVIEWS),
    Case("no reviews for some minutes", 70, (), NO_REVIEWS),
    Case("half of the reviews", 120, (), {REVIEWED: "0+10x60 600+5x60"}),
    Case("no reviews of few", 100, (), FEW_DECISIONS),
    Case("a tenth is invalid", 21, {"FraudRequestsInvalid"}, {INVALID: "0+60x40"}),
    Case("a tenth is not JSON", 21, {"FraudRequestsInvalid"}, {UNREADABLE: "0+60x40"}),
    Case("2 % are invalid", 40, (), {INVALID: "0+12x60"}),
    Case("somebody tries the API", 40, (), {INVALID: "0+1x60", OK: "0+2x60"}),
    Case("all of one client are invalid", 14, {"FraudClientInvalid"},
         {BOB_OK: "", BOB_INVALID: "0+10x40"}),
    Case("all of one client are invalid", 4, (), {BOB_OK: "", BOB_INVALID: "0+10x40"}),
    Case("a third of one client's are invalid", 30, (), {BOB_INVALID: "0+5x40"}),
    Case("all of one client are too many", 30, (), {BOB_OK: "", BOB_BUSY: "0+10x40"}),
    Case("a client tries the API", 30, (), {BOB_OK: "", BOB_INVALID: "0+1x40"}),
    Case("a tenth of the labels is late", 30, {"FraudLabelsLate"}, {LATE: "0+1x60"}),
    Case("one label in a hundred is late", 30, (), {LATE: "0+1x60", LABELS: "0+100x60"}),
    Case("all of few labels are late", 15, (), {LATE: "0+1x15", LABELS: "0+1x15"}),
    Case("late, all in one batch", 15, {"FraudLabelsLate"},
         {LATE: "0+0x9 500+0x15", LABELS: "_x10 1000+0x15"}),
    Case("a batch in time", 15, (), {LATE: "0+0x9 30+0x15", LABELS: "_x10 1000+0x15"}),
    Case("records are lost", 12, {"FraudRecordsDropped"}, {DROPPED: "0+0x9 5+0x60"}),
    Case("records were lost", 40, (), {DROPPED: "0+0x9 5+0x60"}),
    Case("records wait", 64, (), {OLDEST: "0+60x90"}),
    Case("records wait", 68, {"FraudRecordsWaiting"}, {OLDEST: "0+60x90"}),
)  # fmt: skip


def test_faults_of_traffic_and_records_alert_and_what_is_usual_does_not(tmp_path: Path) -> None:
    check(CASES, tmp_path)
