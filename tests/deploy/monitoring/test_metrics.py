"""The rules ask for metrics and labels that the service and the tracking server export."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.monitoring.burn_rates import WINDOWS
from deploy.monitoring.formats import GROUPS
from deploy.monitoring.metrics import grown
from deploy.monitoring.rule import Record
from tests.components import output_of
from tests.places import REPOSITORY

RULES = [rule for group in GROUPS for rule in group.rules]
ASKED = {
    (name, label)
    for rule in RULES
    for name, matchers in re.findall(r"\b((?:fraud|mlflow)_\w+)(?:\{(.*?)\})?", rule.expression)
    for label in ["", *re.findall(r"(\w+)=", re.sub('".*?"', "", matchers))]
}
# What `mlflow.server` calls when MLFLOW_EXPOSE_PROMETHEUS is set, in an app of one route.
EXPORTER = """
from flask import Flask
from mlflow.server.prometheus_exporter import activate_prometheus_exporter
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

app = Flask("tracking")
activate_prometheus_exporter(app)
app.test_client().get("/api")
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_the_service_exports_what_is_asked_of_it() -> None:
    documented = dict(
        re.findall(
            r"^\| `(\w+)` \| \w+ \| (.*?) \|", (REPOSITORY / "docs/metrics.md").read_text(), re.M
        )
    )
    asked = {(name, label) for name, label in ASKED if name.startswith("fraud_")}

    assert ("fraud_requests_total", "status") in asked
    for name, label in asked:
        family = re.sub("_(bucket|count)$", "", name)
        labels = re.findall(r"\w+", documented[family])
        assert label in ["", *labels, *(["le"] if name.endswith("_bucket") else [])], name


def test_the_tracking_server_exports_what_is_asked_of_it(tmp_path: Path) -> None:
    exported = output_of(EXPORTER, PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    asked = {one for one in ASKED if one[0].startswith("mlflow_")}

    assert asked == {("mlflow_http_request_total", ""), ("mlflow_http_request_total", "status")}
    assert 'mlflow_http_request_total{method="GET",status="404"} 1.0' in exported


def test_what_is_asked_of_recording_rules_is_recorded() -> None:
    recorded = {rule.name for rule in RULES if isinstance(rule, Record)}
    asked = {name for rule in RULES for name in re.findall(r"service:[\w:]+", rule.expression)}

    assert len(recorded) == 2 * len(WINDOWS) + 3
    assert asked == recorded


def test_a_counter_that_begins_above_zero_has_grown() -> None:
    assert grown("a_total", "5m") == (
        "increase(a_total[5m]) > 0 or (a_total unless a_total offset 5m) > 0"
    )
