"""Where the other servers' protocols are: paths, names, versions, health."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inference.calls import Caller

MODEL = "/v2/models/fraud-detector-production"
INFER = {
    "inputs": [
        {"name": "amount", "shape": [1], "datatype": "FP64", "data": [0.25]},
        {"name": "age_days", "shape": [1], "datatype": "FP64", "data": [0.5]},
        {"name": "country", "shape": [1], "datatype": "BYTES", "data": ["FR"]},
    ]
}


def test_the_server_says_what_it_is(caller: Caller) -> None:
    answer = caller.get("/v2")
    assert answer.status_code == 200
    assert answer.json() == {"name": "fraud-inference", "version": "1", "extensions": []}


def test_it_is_live_before_it_is_ready(caller: Caller) -> None:
    assert (caller.get("/v2/health/live").status_code, caller.get("/v2/health/live").json()) == (
        200,
        {"live": True},
    )
    answer = caller.get("/v2/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})


def test_with_a_model_it_is_ready(ready: Caller) -> None:
    answer = ready.get("/v2/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})
    for path in (f"{MODEL}/ready", f"{MODEL}/versions/7/ready"):
        said = ready.get(path)
        assert said.status_code == 200
        assert said.json() == {"name": "fraud-detector-production", "ready": True}


def test_the_model_is_not_ready_while_the_process_stops(ready: Caller) -> None:
    ready.app.follower.serving.draining = True
    answer = ready.get(f"{MODEL}/ready")
    assert answer.status_code == 503
    assert answer.json() == {"name": "fraud-detector-production", "ready": False}


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/7"])
def test_metadata_list_inputs_and_outputs(path: str, ready: Caller) -> None:
    answer = ready.get(path)
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "fraud-detector-production",
        "versions": ["7"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "amount", "datatype": "FP64", "shape": [-1]},
            {"name": "age_days", "datatype": "FP64", "shape": [-1]},
            {"name": "country", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [
            {"name": "probability", "datatype": "FP32", "shape": [-1]},
            {"name": "decision", "datatype": "BYTES", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("path", [f"{MODEL}/infer", f"{MODEL}/versions/7/infer"])
def test_the_version_may_be_named_or_not(path: str, ready: Caller) -> None:
    answer = ready.post(path, INFER)
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["data"] == [0.75]


def asked(caller: Caller, path: str) -> Any:
    return caller.post(path, INFER) if path.endswith("infer") else caller.get(path)


@pytest.mark.parametrize("end", ["", "/ready", "/infer"])
def test_another_name_or_version_is_not_found(end: str, ready: Caller) -> None:
    answer = asked(ready, f"/v2/models/other{end}")
    assert answer.status_code == 404
    assert answer.json() == {"error": "unknown model; fraud-detector-production is served"}
    for version in ("8", "07", "latest", "7%20"):
        answer = asked(ready, f"{MODEL}/versions/{version}{end}")
        assert answer.status_code == 404
        assert answer.json() == {"error": "unknown version; 7 is served"}


@pytest.mark.parametrize("end", ["", "/ready", "/infer"])
def test_without_a_model_it_sends_retry_after(end: str, caller: Caller) -> None:
    answer = asked(caller, f"{MODEL}{end}")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json() == {"error": "not ready; see /healthcheck for the reason"}
    assert asked(caller, f"/v2/models/other{end}").status_code == 404


@pytest.mark.parametrize("path", ["/invocations", f"{MODEL}/infer"])
def test_a_body_that_is_too_large_is_refused(path: str, ready: Caller) -> None:
    assert ready.post(path, b" " * 1_048_577).status_code == 413


def test_ping_follows_readiness(ready: Caller) -> None:
    assert ready.get("/ping").content == b"\n"
    ready.app.follower.serving.draining = True
    assert ready.get("/ping").status_code == 503
