"""Which alerts fire on series of two pods and a tracking server, by Prometheus' own promtool."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.components import program
from tests.places import REPOSITORY

RULES = REPOSITORY / "helm" / "fraud-platform" / "files" / "rules.yaml"


def each_second(rules: str) -> str:
    """Rules with a second for each minute; ranges stay as they are."""
    return re.sub(r"(interval|for): (\d+)m$", r"\1: \2s", rules, flags=re.MULTILINE)


POD_A = 'job="fraud/fraud-inference",instance="10.0.0.7:8000",pod="a"'
POD_B = 'job="fraud/fraud-inference",instance="10.0.0.8:8000",pod="b"'
TRACKING = 'job="fraud/fraud-tracking",instance="10.0.0.9:5000",pod="t"'
# A sample each minute, for two hours: 600 requests a minute, 10 of them to be reviewed.
HEALTHY = {
    f"up{{{POD_A}}}": "1+0x130",
    f"up{{{POD_B}}}": "1+0x130",
    f"up{{{TRACKING}}}": "1+0x130",
    f'fraud_model_info{{{POD_A},version="7",digest="d7"}}': "1+0x130",
    f'fraud_model_info{{{POD_B},version="7",digest="d7"}}': "1+0x130",
    f"fraud_ledger_lag_seconds{{{POD_A}}}": "20+0x130",
    f"fraud_ledger_lag_seconds{{{POD_B}}}": "20+0x130",
    f'fraud_requests_total{{{POD_A},route="/predict",status="200"}}': "0+600x130",
    f'fraud_request_seconds_bucket{{{POD_A},route="/predict",le="0.05"}}': "0+600x130",
    f'fraud_request_seconds_count{{{POD_A},route="/predict"}}': "0+600x130",
    f'fraud_caller_requests_total{{{POD_A},caller="alice",status="200"}}': "0+590x130",
    f'fraud_caller_requests_total{{{POD_A},caller="bob",status="200"}}': "0+10x130",
    f"fraud_model_trained_until_timestamp_seconds{{{POD_A}}}": "0+0x130",
    f'fraud_decisions_total{{{POD_A},decision="approve"}}': "0+590x130",
    f'fraud_decisions_total{{{POD_A},decision="review"}}': "0+10x130",
    f"fraud_cache_starts_total{{{POD_A}}}": "0+0x130",
    f"fraud_store_unavailable_total{{{POD_A}}}": "0+0x130",
    f"fraud_records_dropped_total{{{POD_A}}}": "0+0x130",
    f"fraud_records_oldest_seconds{{{POD_A}}}": "300+0x130",
    f'fraud_labels_total{{{POD_A},result="recorded"}}': "0+10x130",
    f"fraud_labels_late_total{{{POD_A}}}": "0+0x130",
    f'mlflow_http_request_total{{{TRACKING},method="GET",status="200"}}': "0+60x130",
}


@dataclass(frozen=True)
class Case:
    """Minutes after the start, the alerts that fire then, and what is not as in HEALTHY.

    An empty value leaves a series out.
    """

    name: str
    minute: int
    firing: Collection[str] = ()
    changed: Mapping[str, str] = field(default_factory=dict)


def check(cases: tuple[Case, ...], folder: Path) -> None:
    """Fails where other alerts fire than the cases name."""
    tests = [
        {
            "name": f"{one.name}, minute {one.minute}",
            "interval": "1m",
            "input_series": [
                {"series": series, "values": values}
                for series, values in {**HEALTHY, **one.changed}.items()
                if values
            ],
            "promql_expr_test": [
                {
                    "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{one.minute}m",
                    "exp_samples": [
                        {"labels": f'{{alertname="{name}"}}', "value": 1}
                        for name in sorted(one.firing)
                    ],
                }
            ],
        }
        for one in cases
    ]
    # Every other minute, which takes half as long.
    settings = {"rule_files": [str(RULES)], "evaluation_interval": "2m"}
    file = folder / "tests.yaml"
    file.write_text(yaml.safe_dump({**settings, "tests": tests}))
    command = [program("promtool", "apt-get install prometheus"), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
