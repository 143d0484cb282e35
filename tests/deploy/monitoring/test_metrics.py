"""Rules and dashboards ask for metrics and labels that something exports."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from deploy.monitoring.burn_rates import WINDOWS
from deploy.monitoring.dashboards.formats import DASHBOARDS
from deploy.monitoring.dashboards.panel import SWAPS
from deploy.monitoring.formats import GROUPS
from deploy.monitoring.metrics import grown
from deploy.monitoring.rule import Record
from monitoring.exposition import FAMILIES
from tests.deploy.monitoring.promql import asked, filled
from tests.places import REPOSITORY

RULES = {rule.name: rule.expression for group in GROUPS for rule in group.rules}
SHOWN = {
    **{
        f"{dashboard.name}: {panel.title}, {number}": filled(query.expression)
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for number, query in enumerate(panel.queries, start=1)
    },
    **{
        f"{dashboard.name}: {choice.name}": f"count by ({choice.label}) ({choice.series})"
        for dashboard in DASHBOARDS
        for choice in dashboard.choices
    },
    "swaps": SWAPS.expression,
}
OF_TARGETS = {"instance", "job", "pod"}
"""Labels that Prometheus itself gives to all series of a pod."""

OF_TRACKING = {
    "mlflow_http_request_total": {"method", "status"},
    "mlflow_http_request_duration_seconds_bucket": {"le"},
}
"""What a test has read from a tracking server."""

POD = {"namespace", "pod"}
CONTAINER = {*POD, "container"}
HPA = {"namespace", "horizontalpodautoscaler"}
OF_KUBERNETES = {
    "container_cpu_cfs_periods_total": CONTAINER,
    "container_cpu_cfs_throttled_periods_total": CONTAINER,
    "container_cpu_usage_seconds_total": CONTAINER,
    "container_fs_reads_bytes_total": CONTAINER,
    "container_fs_writes_bytes_total": CONTAINER,
    "container_memory_working_set_bytes": CONTAINER,
    "container_network_receive_bytes_total": POD,
    "container_network_transmit_bytes_total": POD,
    "kube_deployment_spec_replicas": {"namespace", "deployment"},
    "kube_deployment_status_replicas_ready": {"namespace", "deployment"},
    "kube_horizontalpodautoscaler_spec_max_replicas": HPA,
    "kube_horizontalpodautoscaler_spec_min_replicas": HPA,
    "kube_horizontalpodautoscaler_status_current_replicas": HPA,
    "kube_horizontalpodautoscaler_status_desired_replicas": HPA,
    "kube_job_failed": {"namespace", "job_name", "condition"},
    "kube_pod_container_resource_limits": {*CONTAINER, "resource"},
    "kube_pod_container_resource_requests": {*CONTAINER, "resource"},
    "kube_pod_container_status_last_terminated_reason": {*CONTAINER, "reason"},
    "kube_pod_container_status_restarts_total": CONTAINER,
    "kube_pod_container_status_waiting_reason": {*CONTAINER, "reason"},
    "kube_pod_status_phase": {*POD, "phase"},
    "kubelet_volume_stats_capacity_bytes": {"namespace", "persistentvolumeclaim"},
    "kubelet_volume_stats_used_bytes": {"namespace", "persistentvolumeclaim"},
}
"""Of the targets that Azure's managed Prometheus scrapes by default, no metric that it drops.

The names are in the `minimal_mac` lists of Azure/prometheus-collector, the labels in the
documentation of kube-state-metrics and cAdvisor.
"""


def of_the_service() -> dict[str, set[str]]:
    """The labels of each series that the service's page of metrics names."""
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    found: dict[str, set[str]] = {}
    for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", page, re.MULTILINE):
        names = set(re.findall(r"\w+", labels))
        if kind == "histogram":
            found |= {f"{name}_{part}": names for part in ("sum", "count")}
            found[f"{name}_bucket"] = {*names, "le"}
        else:
            found[name] = names
    return found


OF_OTHERS = {
    "probe_ssl_earliest_cert_expiry": {"instance"},
    "certmanager_certificate_expiration_timestamp_seconds": {"name", "namespace"},
}
"""Of Prometheus' blackbox exporter and of cert-manager, where a cluster has them."""

OF_MONITORING = {name: set(labels) for name, (_, labels) in FAMILIES.items()}
"""Of `python -m monitoring`, where its files are collected."""

RECORDED = {rule.name for group in GROUPS for rule in group.rules if isinstance(rule, Record)}
EXPORTED = {
    **of_the_service(),
    **OF_TRACKING,
    **OF_KUBERNETES,
    **OF_OTHERS,
    **OF_MONITORING,
    **{name: set[str]() for name in RECORDED},
    "up": set[str](),
}


@pytest.mark.parametrize("name", [*RULES, *SHOWN])
def test_what_is_asked_for_is_exported(name: str) -> None:
    found = asked({**RULES, **SHOWN}[name])

    assert found
    assert {metric for metric, _ in found} - EXPORTED.keys() == set()
    unknown = {
        (metric, label)
        for metric, label in found
        if label and label not in EXPORTED[metric] | OF_TARGETS
    }
    assert unknown == set()


def families(series: Iterable[str]) -> set[str]:
    """Their names without what a histogram adds."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in series}


def test_what_is_exported_is_shown_or_watched() -> None:
    expressions = (*RULES.values(), *SHOWN.values())
    read = {metric for expression in expressions for metric, _ in asked(expression)}

    assert len(RECORDED) == 2 * len(WINDOWS) + 3
    # What a look says beyond its alerts is for MLflow's pages, where runs are compared.
    assert families(EXPORTED) - families(read) - OF_MONITORING.keys() == set()


def test_of_the_tracking_server_no_more_is_asked_than_a_test_has_read_from_it() -> None:
    test = (REPOSITORY / "tests" / "deploy" / "test_survival.py").read_text()

    assert "mlflow_http_request_duration_seconds_bucket" in test
    assert 'mlflow_http_request_total{method="GET",status="200"}' in test


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('rate(a{b="1"}[5m] offset 1m)', {("a", ""), ("a", "b")}),
        ("sum by (c) (a) / on (d) b", {("a", ""), ("a", "c"), ("a", "d"), ("b", ""), ("b", "d")}),
        ("sum without (c) (a) + ignoring (d) b", {("a", ""), ("b", "")}),
    ],
)
def test_selected_grouped_and_matched_labels_are_asked_for(
    expression: str, expected: set[tuple[str, str]]
) -> None:
    assert asked(expression) == expected


def test_what_is_not_promql_is_refused() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        asked("sum(rate(a[5m])")


def test_a_counter_that_begins_above_zero_has_grown() -> None:
    assert grown("a_total", "5m") == (
        "increase(a_total[5m]) > 0 or (a_total unless a_total offset 5m) > 0"
    )
