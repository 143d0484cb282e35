"""The HTTP interface, called in this process."""

from __future__ import annotations

import gc
import json
import math
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts import number
from tests.inference.calls import Caller, ask, pieces
from tests.inference.models import FULL, served, three_inputs
from tests.registry.tracking.fake_servers import send, serving

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
near_transactions = st.fixed_dictionaries(
    {"amount": st.floats() | json_values, "age_days": st.none() | st.floats()},
    optional={"country": st.text() | json_values, "Amount": json_values},
)


def test_a_response_holds_decision_model_and_request_id(ready: Caller) -> None:
    answer = ready.post("/predict", FULL, x_request_id="payment-4711")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "probability": 0.75,
        "decision": "review",
        "threshold": 0.5,
        "model_version": 7,
        "model_digest": ready.model.digest[:12],
        "request_id": "payment-4711",
    }


@pytest.mark.parametrize(
    ("change", "probability"),
    [
        ({"country": "DE"}, 0.5),
        ({"country": "XX"}, 0.25),
        ({"country": None}, 0.25),
        ({"age_days": None}, 0.5),
        ({"amount": 0}, 0.5),
    ],
)
def test_missing_and_unseen_values_are_scored_as_the_contract_says(
    change: dict[str, Any], probability: float, ready: Caller
) -> None:
    answer = ready.predict(FULL | change)
    assert answer.status_code == 200
    assert answer.json()["probability"] == probability


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"amount": "0.25", "age_days": 0.5, "country": "FR"}', "amount"),
        ('{"amount": true, "age_days": 0.5, "country": "FR"}', "amount"),
        ('{"amount": NaN, "age_days": 0.5, "country": "FR"}', "amount"),
        ('{"amount": 0.25, "age_days": -Infinity, "country": "FR"}', "age_days"),
        ('{"amount": 0.25, "age_days": 1e400, "country": "FR"}', "age_days"),
        ('{"amount": 1e39, "age_days": 0.5, "country": "FR"}', "amount"),
        ('{"amount": null, "age_days": 0.5, "country": "FR"}', "amount"),
        ('{"amount": 0.25, "age_days": 0.5, "country": 1}', "country"),
        ('{"age_days": 0.5, "country": "FR"}', "amount"),
        ('{"amount": 0.25, "country": "FR"}', "age_days"),
        ('{"amount": 0.25, "age_days": 0.5, "country": "FR", "colour": 1}', "colour"),
    ],
)
def test_a_wrong_field_is_named_in_a_422(body: str, field: str, ready: Caller) -> None:
    answer = ready.send(body.encode())
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert sorted(error) == ["loc", "msg", "type"]
    assert error["loc"] == ["body", field]


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"null", b"\xff", b'{"amount": ' + b"[" * 100_000]
)
def test_a_body_that_is_not_a_transaction_gets_a_422(body: bytes, ready: Caller) -> None:
    answer = ready.send(body)
    assert answer.status_code == 422
    assert [one["loc"] for one in answer.json()["detail"]] == [["body"]]


def test_every_wrong_field_is_named_and_no_value_is_repeated(ready: Caller) -> None:
    card = "4000 0012 3456 7899"
    answer = ready.predict({"amount": card, "country": 4711, card: 1})
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {
                "type": "float_type",
                "loc": ["body", "amount"],
                "msg": "Input should be a valid number",
            },
            {"type": "missing", "loc": ["body", "age_days"], "msg": "Field required"},
            {
                "type": "string_type",
                "loc": ["body", "country"],
                "msg": "Input should be a valid string",
            },
            {
                "type": "extra_forbidden",
                "loc": ["body", card],
                "msg": "Extra inputs are not permitted",
            },
        ]
    }
    assert "4711" not in answer.text


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_too_large(ready: Caller) -> None:
    body = json.dumps(FULL).encode()
    assert ready.send(body.ljust(1_048_576)).status_code == 200
    refused = ready.send(body.ljust(1_048_577))
    assert refused.status_code == 413
    assert refused.json() == {"detail": "the body is larger than 1048576 bytes"}


def test_without_a_setting_the_largest_transaction_and_table_fit(caller: Caller) -> None:
    """Names of 200 characters, escaped, in a model of 1,000 inputs; a thousand rows of 100."""
    names = [f"{index:04}" + "é" * 196 for index in range(1000)]
    caller.serve(served(*map(number, names), weights=(0.0,) * 1000))
    body = json.dumps(dict.fromkeys(names, -1.2345678901234567)).encode()
    assert len(body) > 1_048_576
    assert caller.send(body).status_code == 200
    names = [f"feature_{index:04}" for index in range(100)]
    caller.serve(served(*map(number, names), weights=(0.0,) * 100))
    rows = [dict.fromkeys(names, -1.2345678901234567)] * 1000
    assert caller.post("/predict/batch", {"transactions": rows}).status_code == 200
    assert caller.post("/invocations", {"instances": rows}).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/predict?explain=true", "/predict/batch"])
def test_the_largest_body_is_a_setting(path: str, make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(FRAUD_BODY_BYTES="3000000").serve(three_inputs())
    body = json.dumps({"transactions": [FULL]} if path.endswith("batch") else FULL).encode()
    assert caller.post(path, body.ljust(3_000_000)).status_code == 200
    assert caller.post(path, body.ljust(3_000_001)).status_code == 413


@pytest.mark.parametrize(
    "name", ["V1", "with space", "amount-eur", "class", "model_x", "__proto__", "金額"]
)
def test_an_input_may_have_any_name(name: str, caller: Caller) -> None:
    caller.serve(served(number(name), weights=(1.0,)))
    assert caller.predict({name: 0.125}).json()["probability"] == 0.125
    refused = caller.predict({name: "0.125"})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", name]


def test_values_that_overflow_inside_the_model_are_refused_and_not_approved(caller: Caller) -> None:
    caller.serve(served(number("in"), number("out"), weights=(10.0, 10.0)))
    assert caller.predict({"in": 0.01, "out": 0.02}).json()["decision"] == "approve"
    refused = caller.predict({"in": 3e38, "out": -3e38})
    assert refused.status_code == 422
    assert refused.json() == {
        "detail": [
            {
                "type": "no_probability",
                "loc": ["body"],
                "msg": "The model cannot score these values",
            }
        ]
    }


def test_without_a_model_it_answers_503_with_retry_after(caller: Caller) -> None:
    answer = caller.predict(FULL)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json() == {"detail": "not ready; see /healthcheck for the reason"}


def check(ready: Caller, body: bytes) -> None:
    answer = ready.send(body)
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        errors = answer.json()["detail"]
        assert errors
        assert all(one["loc"][0] == "body" for one in errors)
    else:
        said = answer.json()
        assert math.isfinite(said["probability"])
        assert said["decision"] == ("review" if said["probability"] >= 0.5 else "approve")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=json_values | near_transactions)
def test_any_json_gets_an_answer_or_a_422(value: Any, ready: Caller) -> None:
    check(ready, json.dumps(value).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.binary(max_size=300))
def test_any_bytes_get_an_answer_or_a_422(body: bytes, ready: Caller) -> None:
    check(ready, body)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    position=st.integers(0, 55),
    patch=st.binary(max_size=4),
)
def test_a_damaged_transaction_gets_an_answer_or_a_422(
    position: int, patch: bytes, ready: Caller
) -> None:
    body = json.dumps(FULL).encode()
    check(ready, body[:position] + patch + body[position + len(patch) :])


@pytest.mark.parametrize("retries", [0, 1])
def test_a_poll_is_retried_only_if_the_environment_says_so(
    retries: int, make_caller: Callable[..., Caller]
) -> None:
    variables = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries)} if retries else {}
    received: list[BaseHTTPRequestHandler] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        received.append(handler)
        send(handler, 503, b"")

    with serving(respond) as address:
        assert not make_caller(MLFLOW_TRACKING_URI=address, **variables).app.follower.poll()
    assert len(received) == 1 + retries


def test_starting_and_stopping_leaves_no_thread_behind(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The follower's thread may finish a poll first: it is a daemon thread."""
    before, interval = set(threading.enumerate()), sys.getswitchinterval()
    framework, follower = caller.app.framework, caller.app.follower
    monkeypatch.setattr(follower, "poll", lambda: True)

    async def start_and_stop() -> list[str]:
        async with framework.router.lifespan_context(framework):
            return sorted(one.name for one in set(threading.enumerate()) - before)

    handler = signal.getsignal(signal.SIGTERM)
    try:
        started = caller.run(start_and_stop())
    finally:
        signal.signal(signal.SIGTERM, handler)
        sys.setswitchinterval(interval)
        gc.unfreeze()
    assert started == ["follower", "records"]
    for one in set(threading.enumerate()) - before:
        one.join(5)
    assert set(threading.enumerate()) == before


def test_what_is_not_http_is_passed_on_to_the_framework(caller: Caller) -> None:
    """The server's own lifespan protocol arrives at the app's startup."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    started: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        started.append("start")
        yield
        started.append("stop")

    caller.app.framework.router.lifespan_context = lifespan
    caller.run(caller.app({"type": "lifespan", "asgi": {}}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert started == ["start", "stop"]


def test_a_swap_while_a_body_arrives_does_not_mix_two_models(caller: Caller) -> None:
    """No request sees a mixture: version, digest and probability are of one model."""
    old = served(number("amount"), weights=(1.0,), version=7)
    new = served(number("amount"), weights=(0.5,), version=8)
    caller.serve(old)

    first, second = pieces(b'{"amount": ', b"0.5}")

    def messages() -> Iterator[MutableMapping[str, Any]]:
        yield first
        caller.serve(new)
        yield second

    answer = caller.run(ask(caller.app, messages())).json()
    assert (answer["model_version"], answer["model_digest"], answer["probability"]) == (
        8,
        new.digest[:12],
        0.25,
    )


def test_the_document_is_made_once_for_each_model(ready: Caller) -> None:
    framework = ready.app.framework
    first = framework.openapi()
    assert framework.openapi() is first
    ready.serve(served(number("other"), weights=(1.0,)))
    assert list(framework.openapi()["components"]["schemas"]["Transaction"]["properties"]) == [
        "other"
    ]
