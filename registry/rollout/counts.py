"""What a pod has counted, read from its /metrics: the series that a rollout is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

Counts = Counter[tuple[str, ...]]
"""Counts by series: `requests`, route and status; `decisions` and the decision; `seconds`, route
and the bucket's upper bound in seconds, which counts all requests up to it, as Prometheus does.
`other` are requests for no scores, by which a process without traffic is seen to start again."""

SERIES = {
    "fraud_requests_total": ("requests", "route", "status"),
    "fraud_decisions_total": ("decisions", "decision"),
    "fraud_request_seconds_bucket": ("seconds", "route", "le"),
}
MODEL_INFO, SWAPS = "fraud_model_info", "fraud_swaps_total"
NAMES = (*SERIES, MODEL_INFO, SWAPS)


def is_scoring(route: str) -> bool:
    """Whether a route answers with scores: probes and the watch's own requests are not judged."""
    return route in ("/predict", "/predict/batch", "/invocations") or route.endswith("/infer")


def read_metrics(text: str) -> tuple[Counts, frozenset[tuple[str, str]], int]:
    """Of Prometheus' text: the counts, the version and digest of each model that the pod's workers
    serve, and how many models were replaced. Raises ValueError for another text.

    The series of inputs, thousands of lines, are left out before the rest is parsed.
    """
    counts: Counts = Counter()
    models: set[tuple[str, str]] = set()
    swaps = 0
    for sample in _samples(text):
        labels = sample.labels
        if sample.name == SWAPS:
            swaps = int(sample.value)
        elif sample.name == MODEL_INFO:
            models.add((labels.get("version", ""), labels.get("digest", "")))
        elif sample.name in SERIES:
            kind, *names = SERIES[sample.name]
            if not is_scoring(labels.get("route", "/predict")):
                if kind != "requests":
                    continue
                kind = "other"
            try:
                float(labels.get("le", 0))
                counts[kind, *(labels[name] for name in names)] += int(sample.value)
            except (KeyError, OverflowError) as error:
                raise ValueError(f"{sample.name} is not what a pod counts") from error
    return counts, frozenset(models), swaps


def _samples(text: str) -> Iterator[Sample]:
    lines = "".join(f"{line}\n" for line in text.split("\n") if line.startswith(NAMES))
    for family in text_string_to_metric_families(lines):
        for sample in family.samples:
            if not all(map(str.isprintable, sample.labels.values())):
                raise ValueError("a label could control the terminal that shows it")
            yield sample


def counted_since(before: Counts, now: Counts) -> Counts:
    """The counts from one reading of a pod to a later one."""
    difference = now.copy()
    difference.subtract(before)  # unlike `-`, it keeps series of 0, such as an empty bucket
    return difference


def requests(counts: Counts) -> int:
    """Requests for scores."""
    return sum(count for series, count in counts.items() if series[0] == "requests")


def failed_requests(counts: Counts) -> int:
    """Those that the service did not answer (5xx), or whose fields this model does not take (422).

    Another model may take other fields: what callers send is then refused, with no error of the
    service.
    """
    return sum(
        count
        for (kind, *labels), count in counts.items()
        if kind == "requests" and (labels[1].startswith("5") or labels[1] == "422")
    )


def decisions(counts: Counts) -> tuple[int, int]:
    """How many transactions were decided `review`, and how many in all."""
    review = counts["decisions", "review"]
    return review, review + counts["decisions", "approve"]


def routes(counts: Counts) -> list[str]:
    """The routes whose duration was measured."""
    return sorted({series[1] for series in counts if series[0] == "seconds"})


def durations(counts: Counts, route: str) -> list[tuple[float, int]]:
    """Each bucket's upper bound in seconds, ascending, and the requests up to it. The last is all
    (+Inf).
    """
    return sorted(
        (float(series[2]), count)
        for series, count in counts.items()
        if series[:2] == ("seconds", route)
    )


def quantile(buckets: list[tuple[float, int]], share: float) -> float:
    """The duration in seconds that this share of requests did not exceed, as Prometheus'
    `histogram_quantile` has it: linear within a bucket, and the last finite bound at the most.
    """
    rank = share * buckets[-1][1]
    for (lower, below), (upper, up_to) in pairwise([(0.0, 0), *buckets]):
        if up_to >= rank:
            if upper == float("inf"):
                return lower
            return lower + (upper - lower) * (rank - below) / max(1, up_to - below)
    return buckets[-1][0]
