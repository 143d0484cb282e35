"""The dashboard *Platform*: what Kubernetes says about the pods, and what they say of their stores.

The metrics of kube-state-metrics, cAdvisor and the kubelet are those that Azure's managed
Prometheus collects by default (its minimal ingestion profile), with the names that a Prometheus of
the operator's stack has, too.
"""

from __future__ import annotations

from deploy.monitoring.dashboards.panel import (
    RATE,
    Choice,
    Dashboard,
    Panel,
    Query,
    Row,
    by,
    total,
)
from deploy.monitoring.tracking import RESPONSES

HERE = 'namespace="$namespace"'
CONTAINERS = f'{HERE},container!=""'  # the sum over a pod has no container
STORES = f'{CONTAINERS},pod=~"fraud-(postgresql|redis)-.*"'


def _autoscaler(what: str) -> str:
    name = "horizontalpodautoscaler"
    return f"max by ({name}) (kube_{name}_{what}{{{HERE}}})"


def _cpu(matchers: str) -> Query:
    return by("pod", "container_cpu_usage_seconds_total", matchers)


def _memory(matchers: str) -> str:
    return f"sum by (pod) (container_memory_working_set_bytes{{{matchers}}})"


DASHBOARD = Dashboard(
    "platform",
    "Pods, autoscaling, storage, database, Redis.",
    (
        Row(
            "Pods",
            (
                Panel(
                    "Pods by phase",
                    "Pending for long: no node has room. Those that succeeded are of jobs.",
                    (
                        Query(
                            f"sum by (phase) (kube_pod_status_phase{{{HERE}}}) > 0",
                            "{{phase}}",
                        ),
                    ),
                    "short",
                    "areas",
                ),
                Panel(
                    "Replicas",
                    "Ready ones, and how many there should be.",
                    tuple(
                        Query(
                            f"max by (deployment) (kube_deployment_{what}{{{HERE}}})",
                            f"{{{{deployment}}}} {legend}",
                        )
                        for what, legend in (
                            ("status_replicas_ready", "ready"),
                            ("spec_replicas", "wanted"),
                        )
                    ),
                    "short",
                ),
                Panel(
                    "Containers that wait",
                    "By reason: CrashLoopBackOff, ImagePullBackOff, CreateContainerConfigError.",
                    (
                        Query(
                            f"sum by (reason) (kube_pod_container_status_waiting_reason{{{HERE}}})",
                            "{{reason}}",
                        ),
                    ),
                    "short",
                ),
                Panel(
                    "Restarts in an hour",
                    "The ten pods with most.",
                    (
                        Query(
                            "topk(10, sum by (pod) (increase("
                            f"kube_pod_container_status_restarts_total{{{HERE}}}[1h])))",
                            "{{pod}}",
                        ),
                    ),
                    "short",
                ),
                Panel(
                    "Why containers ended last",
                    "OOMKilled: the memory limit.",
                    (
                        Query(
                            "sum by (reason) "
                            f"(kube_pod_container_status_last_terminated_reason{{{HERE}}})",
                            "{{reason}}",
                        ),
                    ),
                    "short",
                ),
                Panel(
                    "Jobs that failed",
                    "By name, as long as Kubernetes keeps them.",
                    (
                        Query(
                            f'sum by (job_name) (kube_job_failed{{{HERE},condition="true"}})',
                            "{{job_name}}",
                        ),
                    ),
                    "short",
                ),
            ),
        ),
        Row(
            "Autoscaling",
            (
                Panel(
                    "Replicas of the autoscaler",
                    "Where what it wants stays at its maximum, it cannot follow.",
                    tuple(
                        Query(_autoscaler(what), f"{{{{horizontalpodautoscaler}}}} {legend}")
                        for what, legend in (
                            ("status_current_replicas", "current"),
                            ("status_desired_replicas", "wanted"),
                            ("spec_min_replicas", "minimum"),
                            ("spec_max_replicas", "maximum"),
                        )
                    ),
                    "short",
                    width=12,
                ),
                Panel(
                    "CPU of inference, of what it requests",
                    "What the autoscaler scales on.",
                    (
                        Query(
                            "sum(rate(container_cpu_usage_seconds_total"
                            f'{{{CONTAINERS},pod=~"fraud-inference-.*"}}[{RATE}])) '
                            "/ sum(kube_pod_container_resource_requests"
                            f'{{{HERE},pod=~"fraud-inference-.*",resource="cpu"}})',
                            "used",
                        ),
                    ),
                    "percentunit",
                    width=12,
                ),
            ),
        ),
        Row(
            "CPU, memory, network",
            (
                Panel("CPU by pod", "In cores.", (_cpu(CONTAINERS),), "short", "areas"),
                Panel(
                    "Throttled",
                    "Share of the periods in which a pod ran into its CPU limit.",
                    (
                        Query(
                            "sum by (pod) (rate("
                            f"container_cpu_cfs_throttled_periods_total{{{CONTAINERS}}}[{RATE}])) "
                            "/ sum by (pod) (rate("
                            f"container_cpu_cfs_periods_total{{{CONTAINERS}}}[{RATE}]))",
                            "{{pod}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Memory, of its limit",
                    "At 1, a container is killed.",
                    (
                        Query(
                            f"{_memory(CONTAINERS)} / sum by (pod) "
                            f'(kube_pod_container_resource_limits{{{HERE},resource="memory"}})',
                            "{{pod}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Network",
                    "Of all pods together.",
                    (
                        total(f"container_network_receive_bytes_total{{{HERE}}}", "received"),
                        total(f"container_network_transmit_bytes_total{{{HERE}}}", "sent"),
                    ),
                    "Bps",
                    width=12,
                ),
                Panel(
                    "Files of containers",
                    "Read from, and written to, disks of nodes.",
                    (
                        total(f"container_fs_reads_bytes_total{{{CONTAINERS}}}", "read"),
                        total(f"container_fs_writes_bytes_total{{{CONTAINERS}}}", "written"),
                    ),
                    "Bps",
                    width=12,
                ),
            ),
        ),
        Row(
            "Storage, database, Redis",
            (
                Panel(
                    "Volumes",
                    "Share that is used; where the database is in the cluster, its volume, too.",
                    (
                        Query(
                            "max by (persistentvolumeclaim) "
                            f"(kubelet_volume_stats_used_bytes{{{HERE}}} "
                            f"/ kubelet_volume_stats_capacity_bytes{{{HERE}}})",
                            "{{persistentvolumeclaim}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Server errors of the tracking server",
                    "Most often its database or Blob Storage.",
                    (by("status", RESPONSES, 'status=~"5.."'),),
                    "reqps",
                ),
                Panel(
                    "Requests that Redis did not answer",
                    "As the inference pods see it.",
                    (total("fraud_store_unavailable_total", "not answered"),),
                    "reqps",
                ),
                Panel(
                    "Files of prediction records that could not be moved",
                    "As the inference pods see Blob Storage.",
                    (total("fraud_record_moves_failed_total", "failed", "increase"),),
                    "short",
                ),
                Panel(
                    "CPU of PostgreSQL and Redis in the cluster",
                    "In cores. Azure's own have their metrics in Azure Monitor.",
                    (_cpu(STORES),),
                    "short",
                ),
                Panel(
                    "Memory of PostgreSQL and Redis in the cluster",
                    "The working set, which counts against the limit.",
                    (Query(_memory(STORES), "{{pod}}"),),
                    "bytes",
                ),
            ),
        ),
    ),
    (Choice("namespace", 'kube_deployment_spec_replicas{deployment=~"fraud-.*"}', "namespace"),),
)
