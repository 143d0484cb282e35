"""What is read of a pod's /metrics: of literal text, and of what the service exports."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from inference.app import make_service
from inference.metrics import Metrics
from inference.settings import Settings
from registry.ledger.creation import create_ledger
from registry.rollout.counts import (
    Counts,
    counted_since,
    decisions,
    durations,
    failed_requests,
    is_scoring,
    quantile,
    read_metrics,
    requests,
    routes,
)
from tests.inference.models import three_inputs

TEXT = """\
# HELP fraud_requests_total Requests by route and HTTP status
# TYPE fraud_requests_total counter
fraud_requests_total{route="/predict",status="200"} 90.0
fraud_requests_total{route="/predict",status="422"} 4.0
fraud_requests_total{route="/predict",status="401"} 1.0
fraud_requests_total{route="/v2/models/{name}/infer",status="503"} 5.0
fraud_requests_total{route="/readyz",status="503"} 7.0
fraud_requests_total{route="/metrics",status="200"} 8.0
fraud_request_seconds_bucket{route="/metrics",le="+Inf"} 8.0
fraud_request_seconds_bucket{route="/predict",le="0.001"} 0.0
fraud_request_seconds_bucket{route="/predict",le="0.002"} 50.0
fraud_request_seconds_bucket{route="/predict",le="+Inf"} 95.0
fraud_decisions_total{decision="approve"} 80.0
fraud_decisions_total{decision="review"} 10.0
fraud_swaps_total 1.0
fraud_model_info{digest="aa",version="3"} 2.0
fraud_input_rows_total{version="3",input="x",bin="\\n"} not a number
"""


def test_probes_and_other_routes_are_not_judged() -> None:
    counts, models, swaps = read_metrics(TEXT)
    assert (requests(counts), failed_requests(counts)) == (100, 9)
    assert (counts["other", "/readyz", "503"], counts["other", "/metrics", "200"]) == (7, 8)
    assert decisions(counts) == (10, 90)
    assert routes(counts) == ["/predict"]
    assert durations(counts, "/predict") == [(0.001, 0), (0.002, 50), (float("inf"), 95)]
    assert (set(models), swaps) == ({("3", "aa")}, 1)


@pytest.mark.parametrize(
    "line",
    [
        "fraud_decisions_total{decision=",
        "fraud_decisions_total 7",
        'fraud_decisions_total{decision="review"} NaN',
        'fraud_decisions_total{decision="review"} +Inf',
        'fraud_request_seconds_bucket{route="/predict",le="x"} 1',
        'fraud_requests_total{route="/\x1b[2J/infer",status="200"} 1',
    ],
)
def test_another_text_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the parser's own messages differ)
        read_metrics(line)


def test_an_empty_text_counts_nothing() -> None:
    assert read_metrics("") == (Counter(), frozenset(), 0)


def test_what_the_service_exports_is_what_is_read() -> None:
    metrics = Metrics(lambda: 0, lambda: 0.0)
    model = three_inputs()
    metrics.model_loaded(None, model)
    metrics.request_done("/predict", 200, 0.0004)
    metrics.request_done("/predict", 500, 0.3)
    metrics.request_done("/model", 200, 0.3)
    metrics.scored(0.9, review=True)
    metrics.scored(0.1, review=False)
    counts, models, swaps = read_metrics(metrics.expose().decode())
    assert (requests(counts), failed_requests(counts), decisions(counts)) == (2, 1, (1, 2))
    assert durations(counts, "/predict")[-1] == (float("inf"), 2)
    assert (set(models), swaps) == ({("7", model.digest)}, 0)


def test_the_scoring_routes_are_those_of_the_service(tmp_path: Path) -> None:
    create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    settings = {
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "FRAUD_LEDGER_CONFIG": str(tmp_path / "ledger.yaml"),
        "FRAUD_CACHE": str(tmp_path / "cache"),
        "FRAUD_AUTH": "off",
    }
    framework = make_service(Settings.model_validate(settings)).framework
    scoring = {path for path in framework.openapi()["paths"] if is_scoring(path)}
    assert scoring == {
        "/predict",
        "/predict/batch",
        "/invocations",
        "/v2/models/{name}/infer",
        "/v2/models/{name}/versions/{version}/infer",
    }


def test_a_difference_keeps_empty_buckets() -> None:
    before: Counts = Counter({("seconds", "/predict", "1"): 4, ("decisions", "review"): 1})
    now: Counts = Counter({("seconds", "/predict", "1"): 4, ("decisions", "review"): 3})
    since = counted_since(before, now)
    assert dict(since) == {("seconds", "/predict", "1"): 0, ("decisions", "review"): 2}
    assert now["decisions", "review"] == 3


def test_a_quantile_is_linear_within_a_bucket() -> None:
    buckets = [(0.001, 0), (0.002, 50), (0.004, 100), (float("inf"), 100)]
    assert quantile(buckets, 0.5) == 0.002
    assert quantile(buckets, 0.75) == 0.003
    assert quantile([(0.001, 1), (float("inf"), 100)], 0.99) == 0.001
    assert quantile([(0.001, 0), (float("inf"), 0)], 0.99) == 0.0
