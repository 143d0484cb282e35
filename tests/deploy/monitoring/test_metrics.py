"""The rules ask for metrics and labels that the service and the tracking server export."""

from __future__ import annotations

import re

from deploy.monitoring.burn_rates import WINDOWS
from deploy.monitoring.formats import GROUPS
from deploy.monitoring.metrics import grown
from deploy.monitoring.rule import Record
from tests.places import REPOSITORY

RULES = [rule for group in GROUPS for rule in group.rules]
ASKED = {
    (name, label)
    for rule in RULES
    for name, matchers in re.findall(r"\b((?:fraud|mlflow)_\w+)(?:\{(.*?)\})?", rule.expression)
    for label in ["", *re.findall(r"(\w+)[=!]", re.sub('".*?"', "", matchers))]
}


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


def test_of_the_tracking_server_no_more_is_asked_than_a_test_has_read_from_it() -> None:
    asked = {one for one in ASKED if one[0].startswith("mlflow_")}

    assert asked == {("mlflow_http_request_total", ""), ("mlflow_http_request_total", "status")}
    test = REPOSITORY / "tests" / "deploy" / "test_survival.py"
    assert 'mlflow_http_request_total{method="GET",status="200"}' in test.read_text()


def test_what_is_asked_of_recording_rules_is_recorded() -> None:
    recorded = {rule.name for rule in RULES if isinstance(rule, Record)}
    asked = {name for rule in RULES for name in re.findall(r"service:[\w:]+", rule.expression)}

    assert len(recorded) == 2 * len(WINDOWS) + 3
    assert asked == recorded


def test_a_counter_that_begins_above_zero_has_grown() -> None:
    assert grown("a_total", "5m") == (
        "increase(a_total[5m]) > 0 or (a_total unless a_total offset 5m) > 0"
    )
