"""Medians and targets, from rounds that are written by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.inference import report
from benchmarks.inference.measure import Round

ROUND = Round(
    ready_seconds=1.0,
    requests_per_second=5000.0,
    p50_ms=1.0,
    p99_ms=2.0,
    cpu_ms=0.2,
    rss_mb=100.0,
    pss_mb=90.0,
    open_p50_ms=0.5,
    open_p99_ms=1.5,
)
MEDIANS = {
    "bare ASGI": replace(ROUND, requests_per_second=12_500.0, open_p99_ms=1.0),
    "ours": ROUND,
    "FastAPI constant": replace(ROUND, requests_per_second=4000.0, open_p99_ms=None),
    "mlflow models serve": replace(ROUND, requests_per_second=125.0, ready_seconds=2.9),
    "MLServer, scikit-learn": replace(ROUND, requests_per_second=500.0),
    "BentoML, scikit-learn": replace(ROUND, requests_per_second=100.0),
    "MLServer, ONNX": replace(ROUND, requests_per_second=1000.0),
    "BentoML, ONNX": replace(ROUND, requests_per_second=2000.0),
}


def test_the_median_is_taken_of_each_measure_separately() -> None:
    rounds = [
        replace(ROUND, requests_per_second=rate, p99_ms=p99)
        for rate, p99 in ((10.0, 3.0), (30.0, 1.0), (20.0, 9.0))
    ]
    assert report.median(rounds) == replace(ROUND, requests_per_second=20.0, p99_ms=3.0)


def test_a_measure_that_no_round_has_stays_empty() -> None:
    assert report.median([replace(ROUND, open_p99_ms=None)]).open_p99_ms is None


def test_targets_compare_with_the_faster_peer() -> None:
    verdicts = report.verdicts(MEDIANS)
    assert [(round(item.measured, 3), item.bound, item.reached) for item in verdicts] == [
        (0.4, "≥ 0.4", True),
        (1.25, "> 1", True),
        (40.0, "≥ 40", True),
        (0.345, "≤ 0.333", False),
        (10.0, "≥ 12", False),
        (2.5, "≥ 3", False),
        (1.5, "< 2", True),
        (1.5, "", None),
        (100.0, "< 150", True),
    ]


def test_a_target_whose_servers_were_not_measured_is_left_out() -> None:
    medians = {name: MEDIANS[name] for name in ("ours", "MLServer, ONNX")}
    assert [verdict.quantity for verdict in report.verdicts(medians)] == [
        "p99 at 500 requests/s, ms",
        "resident memory, MB",
    ]


def test_the_tables_name_every_server_and_every_miss() -> None:
    console = Console(file=io.StringIO(), width=200, record=True)
    console.print(report.measures_table(MEDIANS, 3))
    console.print(report.targets_table(MEDIANS))
    lines = console.export_text().splitlines()
    for name in MEDIANS:
        assert any(name in line for line in lines)
    (line,) = [line for line in lines if "BentoML, ONNX" in line]
    assert "2,000" in line
    assert "2.50 ×" in line
    (line,) = [line for line in lines if "time to ready relative to" in line]
    assert "missed" in line
    (line,) = [line for line in lines if "resident memory" in line]
    assert "reached" in line


def test_json_holds_rounds_medians_and_targets() -> None:
    written = json.loads(json.dumps(report.as_json({"ours": [ROUND, ROUND]}, {"ours": ROUND})))
    assert len(written["rounds"]["ours"]) == 2
    assert written["medians"]["ours"]["requests_per_second"] == 5000.0
    assert written["targets"][0] == {
        "quantity": "p99 at 500 requests/s, ms",
        "measured": 1.5,
        "bound": "< 2",
        "reached": True,
    }


@pytest.mark.parametrize("name", [*report.SKLEARN, *report.ONNX])
def test_without_one_of_two_peers_there_is_no_comparison_with_the_faster(name: str) -> None:
    medians = {server: MEDIANS[server] for server in MEDIANS if server != name}
    assert len(report.verdicts(medians)) == 8
