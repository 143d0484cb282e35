"""The HTTP interface, called in this process."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Scope

from inference.app import create_app
from registry.errors import UsageError
from tests.inference.calls import Caller
from tests.inference.models import category, number, served

FULL = {"amount": 0.25, "age_days": 0.5, "country": "FR"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
near_transactions = st.fixed_dictionaries(
    {"amount": st.floats() | json_values, "age_days": st.none() | st.floats()},
    optional={"country": st.text() | json_values, "Amount": json_values},
)


@pytest.fixture
def ready(caller: Caller) -> Caller:
    """It answers amount + age_days / 2, and a quarter more for FR."""
    inputs = (
        number("amount"),
        number("age_days", nullable=True),
        category("country", "DE", "FR", nullable=True),
    )
    return caller.serve(served(*inputs, weights=(1.0, 0.5, 0.25)))


def test_it_answers_probability_decision_threshold_version_and_digest(ready: Caller) -> None:
    answer = ready.predict(FULL)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "probability": 0.75,
        "decision": "review",
        "threshold": 0.5,
        "model_version": 7,
        "model_digest": ready.app.state.serving.model.digest,
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
def test_a_body_that_is_no_transaction_gets_a_422(body: bytes, ready: Caller) -> None:
    answer = ready.send(body)
    assert answer.status_code == 422
    assert [one["loc"] for one in answer.json()["detail"]] == [["body"]]


def test_a_body_of_256_kib_is_read_and_one_byte_more_is_too_large(ready: Caller) -> None:
    body = json.dumps(FULL).encode()
    assert ready.send(body.ljust(262_144)).status_code == 200
    refused = ready.send(body.ljust(262_145))
    assert refused.status_code == 413
    assert refused.json() == {"detail": "the body is larger than 262144 bytes"}


def test_a_body_of_300_kb_is_too_large(ready: Caller) -> None:
    assert ready.send(b"x" * 300_000).status_code == 413


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


def test_without_a_model_it_answers_503_and_says_when_to_come_back(caller: Caller) -> None:
    answer = caller.predict(FULL)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json() == {"detail": "not ready; /healthcheck says why"}


def test_without_a_model_the_healthcheck_says_why(caller: Caller) -> None:
    answer = caller.get("/healthcheck")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "reason": "the model is being loaded"}


def test_the_healthcheck_names_the_model_in_service(ready: Caller) -> None:
    answer = ready.get("/healthcheck")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "model_version": 7,
        "model_digest": ready.app.state.serving.model.digest,
        "candidate": 11,
    }


@pytest.mark.parametrize(
    ("path", "status"), [("/predict", 405), ("/predict/", 307), ("/nothing", 404)]
)
def test_reading_where_there_is_nothing_to_read_is_the_callers_error(
    path: str, status: int, ready: Caller
) -> None:
    assert ready.get(path).status_code == status


def test_a_caller_that_hangs_up_halfway_is_no_error_of_the_service(ready: Caller) -> None:
    pieces: list[Message] = [
        {"type": "http.request", "body": b'{"amount"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return pieces.pop(0)

    async def send(message: Message) -> None:
        pass

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "headers": [],
        "query_string": b"",
    }
    asyncio.run(ready.app(scope, receive, send))
    assert pieces == []
    assert ready.predict(FULL).status_code == 200


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


def test_a_local_folder_is_no_tracking_server(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    with pytest.raises(UsageError, match="set MLFLOW_TRACKING_URI to the tracking server's"):
        create_app()
