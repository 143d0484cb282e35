"""The documented routes: the model, the probes, metrics, and what is asked of them wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from inference.serving import Serving
from tests.inference.calls import Caller
from tests.inference.models import FULL, three_inputs

ROUTES = {
    "/predict": "POST",
    "/predict/batch": "POST",
    "/invocations": "POST",
    "/model": "GET",
    "/livez": "GET",
    "/readyz": "GET",
    "/healthcheck": "GET",
    "/metrics": "GET",
    "/ping": "GET",
    "/v2": "GET",
    "/v2/health/live": "GET",
    "/v2/health/ready": "GET",
    "/v2/models/fraud-detector-production": "GET",
    "/v2/models/fraud-detector-production/ready": "GET",
    "/v2/models/fraud-detector-production/infer": "POST",
}


def test_the_served_model_is_reported_with_its_approval(ready: Caller) -> None:
    answer = ready.get("/model")
    said = answer.json()
    loaded = datetime.fromisoformat(said.pop("loaded_at"))
    assert answer.status_code == 200
    assert said == {
        "name": "fraud-detector-production",
        "version": 7,
        "digest": ready.model.digest,
        "candidate": 11,
        "threshold": 0.5,
        "approver": "github:alice",
        "approved_at": "2026-05-01T00:00:00+00:00",
        "action": "promote",
        "evidence": f"run@sha256:{'0' * 64}",
        "evidence_url": "http://127.0.0.1:9/#/runs/run",
    }
    assert len(ready.model.digest) == 64
    assert loaded == ready.model.loaded_at


def test_without_a_model_there_is_no_model_to_report(caller: Caller) -> None:
    answer = caller.get("/model")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"detail": "not ready; see /healthcheck for the reason"}


def test_a_process_without_a_model_lives_and_is_not_ready(caller: Caller) -> None:
    assert caller.get("/livez").status_code == 200
    assert caller.get("/livez").json() == {"status": "alive"}
    for path in ("/readyz", "/healthcheck", "/ping"):
        answer = caller.get(path)
        assert answer.status_code == 503
        assert answer.json() == {"status": "not ready", "reason": "the model is being loaded"}


def test_with_a_model_it_is_ready(ready: Caller) -> None:
    assert ready.get("/readyz").status_code == 200
    assert ready.get("/readyz").json() == {"status": "ready"}


def test_the_healthcheck_reports_the_model_and_its_lag(ready: Caller) -> None:
    ready.app.follower.serving.confirm()
    answer = ready.get("/healthcheck")
    said = answer.json()
    lag = said.pop("lag_seconds")
    assert answer.status_code == 200
    assert 0 <= lag < 30
    assert said == {
        "status": "ready",
        "model_version": 7,
        "model_digest": ready.model.digest,
        "candidate": 11,
        "source": "registry",
        "problem": "",
        "missing_history": None,
    }


def test_the_healthcheck_reports_a_start_from_the_cache_and_the_last_problem(ready: Caller) -> None:
    serving = ready.app.follower.serving
    serving.source, serving.problem = "cache", "reading the ledger: no answer"
    said = ready.get("/healthcheck").json()
    assert (said["status"], said["source"]) == ("ready", "cache")
    assert said["problem"] == "reading the ledger: no answer"
    assert ready.predict(FULL).status_code == 200


def test_a_process_that_is_shutting_down_is_alive_and_answers_but_not_ready(ready: Caller) -> None:
    ready.app.follower.serving.draining = True
    for path in ("/readyz", "/healthcheck", "/ping"):
        assert ready.get(path).status_code == 503
        assert ready.get(path).json()["reason"] == "the process is shutting down"
    assert ready.get("/v2/health/ready").status_code == 503
    assert ready.get("/livez").status_code == 200
    assert ready.predict(FULL).status_code == 200


def test_past_the_lag_limit_it_is_not_ready_but_answers(
    make_caller: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = make_caller(FRAUD_MAX_LAG_SECONDS="60").serve(three_inputs())
    assert caller.get("/readyz").status_code == 200
    monkeypatch.setattr(Serving, "lag_seconds", 61.0)
    answer = caller.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reason"].startswith(
        "the ledger has not confirmed this model for 61 s (FRAUD_MAX_LAG_SECONDS=60)"
    )
    assert caller.predict(FULL).status_code == 200


def test_metrics_are_in_prometheus_text_format(ready: Caller) -> None:
    answer = ready.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE fraud_requests_total counter" in answer.text


@pytest.mark.parametrize("path", ROUTES)
def test_methods_that_a_route_does_not_support_get_a_405(path: str, ready: Caller) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        answer = ready.request(method, path)
        if method == ROUTES[path]:
            assert answer.status_code in (200, 400, 422)
        elif (method, ROUTES[path]) == ("HEAD", "GET"):
            assert answer.status_code == 200
        else:
            assert answer.status_code == 405
            assert answer.headers["allow"] == ROUTES[path]


@pytest.mark.parametrize("path", ["/docs", "/", "/openapi.json"])
def test_pages_are_read_and_nothing_else(path: str, ready: Caller) -> None:
    assert ready.get(path).status_code == 200
    for method in ("OPTIONS", "POST", "DELETE"):
        assert ready.request(method, path).status_code == 405
    assert ready.request("HEAD", path).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/"])
def test_below_a_prefix_pages_refer_to_addresses_below_it(
    path: str, make_caller: Callable[..., Caller]
) -> None:
    caller = make_caller(FRAUD_ROOT_PATH="/cards/fraud").serve(three_inputs())
    page = caller.get(path).text
    assert "/cards/fraud/openapi.json" in page
    assert "/cards/fraud/static-offline-docs/" in page
    assert page.count("/static-offline-docs/") == page.count("/cards/fraud/static-offline-docs/")
    assert caller.get("/openapi.json").json()["servers"] == [{"url": "/cards/fraud"}]
    assert caller.predict(FULL).status_code == 200
    for prefixed in ("/cards/fraud/livez", "/cards/fraud/docs", "/cards/fraud/predict"):
        assert caller.get(prefixed).status_code == 404


@pytest.mark.parametrize("path", ["/predict/", "/predict/batch/", "/model/", "/livez/", "/v2/"])
def test_with_a_trailing_slash_there_is_nothing(path: str, ready: Caller) -> None:
    """A redirect would lead to http, also behind a gateway with TLS."""
    for method in ("GET", "POST", "HEAD"):
        answer = ready.request(method, path)
        assert answer.status_code == 404
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "//predict",
        "/predict/../model",
        "/%2e%2e/etc/passwd",
        "/a%00b",
        "/é",
        "/predict;a",
    ],
)
def test_where_there_is_nothing_the_answer_is_404(path: str, ready: Caller) -> None:
    for method in ("GET", "POST"):
        assert ready.ask(b"", method=method, path=path).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"")],
        [(b"content-type", b"text/plain"), (b"content-type", b"application/json")],
        [(b"content-length", b"-1"), (b"content-length", b"x")],
        [(b"host", b""), (b"host", b"\xff")],
        [(b"x-request-id", b""), (b"x-request-id", b"\xff" * 500)],
        [(b"cookie", b"\x80=\x80"), (b"accept", b""), (b"range", b"bytes=0-")],
        [(b"authorization", b"Bearer a"), (b"authorization", b"")],
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/invocations", "/livez", "/"])
def test_missing_and_duplicate_headers_are_not_a_server_error(
    headers: list[tuple[bytes, bytes]], path: str, ready: Caller
) -> None:
    get = path in ("/livez", "/")
    body: Any = {"transactions": [FULL]} if path.endswith("batch") else FULL
    content = b"" if get else json.dumps(body).encode()
    answer = ready.ask(content, path=path, method="GET" if get else "POST", headers=headers)
    assert answer.status in (200, 400, 415)
    assert answer.header(b"x-content-type-options") == b"nosniff"
