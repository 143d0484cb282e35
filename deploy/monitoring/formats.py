"""The groups of rules as a file of Prometheus, as Azure's rule groups, and as a table."""

from __future__ import annotations

import json
from typing import Any

import yaml

from deploy.monitoring import burn_rates, model, requests, service, tracking
from deploy.monitoring.rule import Alert, Group, Record

GROUPS = (burn_rates.GROUP, service.GROUP, requests.GROUP, model.GROUP, tracking.GROUP)
AZURE_SEVERITIES = {"critical": 0, "warning": 2}
"""Azure's numbers go from 0, critical, to 4, verbose."""


def prometheus() -> str:
    """A file of rules for Prometheus, which is also the `spec` of a PrometheusRule."""
    groups = [
        {
            "name": f"fraud-{group.name}",
            "interval": "1m",
            "rules": [_prometheus_rule(rule) for rule in group.rules],
        }
        for group in GROUPS
    ]
    text = yaml.safe_dump({"groups": groups}, sort_keys=False, width=100)
    return f"# Written by `make rules` from deploy/monitoring; do not edit.\n{text}"


def _prometheus_rule(rule: Record | Alert) -> dict[str, Any]:
    if isinstance(rule, Record):
        return {"record": rule.name, "expr": rule.expression}
    return {
        "alert": rule.name,
        "expr": rule.expression,
        **({"for": f"{rule.minutes}m"} if rule.minutes else {}),
        "labels": {"severity": rule.severity},
        "annotations": _annotations(rule),
    }


def azure(group: Group) -> str:
    """A rule group of Azure, as terraform/live/gaps_override.tf reads it."""
    rules = [_azure_rule(rule) for rule in group.rules]
    document = {"description": group.description, "interval": "PT1M", "rules": rules}
    return json.dumps(document, indent=2) + "\n"


def _azure_rule(rule: Record | Alert) -> dict[str, Any]:
    if isinstance(rule, Record):
        return {"record": rule.name, "expression": rule.expression}
    return {
        "alert": rule.name,
        "expression": rule.expression,
        **({"for": f"PT{rule.minutes}M"} if rule.minutes else {}),
        "severity": AZURE_SEVERITIES[rule.severity],
        "labels": {"severity": rule.severity},
        "annotations": _annotations(rule),
    }


def _annotations(alert: Alert) -> dict[str, str]:
    return {"summary": alert.summary, "runbook_url": alert.runbook}


def table() -> str:
    """A section for each group, with a row for each alert."""
    lines = []
    for group in GROUPS:
        lines += [f"### {group.name}", "", group.description, ""]
        lines += ["| alert | severity | after | summary |", "|---|---|---|---|"]
        for alert in group.alerts:
            name = f"[{alert.name}](runbooks.md#{alert.name.lower()})"
            after = f"{alert.minutes} min" if alert.minutes else "at once"
            lines.append(f"| {name} | {alert.severity} | {after} | {alert.summary} |")
        lines.append("")
    return "\n".join(lines).rstrip()
