"""The service does what its OpenAPI document says: generated requests, valid and invalid."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.local.processes import free_port, inference_service
from inference.guard import PROBES
from registry.tracking.names import PRODUCTION
from tests.contracts import category, number
from tests.inference.calls import RunningService, wait_for_health
from tests.inference.models import append_signed, weighted_sum, write_model
from tests.world import Server, new_world

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=12,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
TOKEN = "one-that-only-this-test-knows"


@pytest.fixture(scope="module")
def with_token(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that asks for a token, with a model of numbers and categories."""
    folder = tmp_path_factory.mktemp("token")
    world = new_world(server, folder)
    inputs = number("amount"), number("age", nullable=True), category("country", "DE", "FR")
    append_signed(world, write_model(folder / "model", weighted_sum(0.1, 0.2, 0.3), *inputs))
    tokens = folder / "tokens"
    tokens.write_text(f"tests {hashlib.sha256(TOKEN.encode()).hexdigest()}\n")
    guarded = {"FRAUD_AUTH": "on", "FRAUD_TOKENS": str(tokens)}
    service = inference_service(server.uri, world.config, free_port(), folder / "log", **guarded)
    with service as (address, _):
        wait_for_health(address, 200)
        yield address
        world.client.delete_registered_model("fraud-detector-production")


@pytest.fixture(scope="module")
def without_model(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that has nothing to serve yet."""
    folder = tmp_path_factory.mktemp("empty")
    world = new_world(server, folder)
    service = inference_service("http://127.0.0.1:9", world.config, free_port(), folder / "log")
    with service as (address, _):
        wait_for_health(address, 503, "reading the ledger")
        yield address


def statuses(address: str, mode: GenerationMode, **headers: str) -> dict[str, set[int]]:
    """Send generated requests to every operation; what each answered, by method and path."""
    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [one.ok() for one in document.get_all_operations() if isinstance(one, Ok)]
    assert len(operations) == len(list(document.get_all_operations()))
    if mode is GenerationMode.NEGATIVE:
        operations = [one for one in operations if one.body]  # in others, nothing can be wrong
    return {one.label: answers_of(one, mode, headers) for one in operations}


def answers_of(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, headers: dict[str, str]
) -> set[int]:
    """The statuses of one operation's answers.

    Fails on an answer that the document does not describe: its status, content type or body.
    """
    seen: set[int] = set()

    @given(case=operation.as_strategy(generation_mode=mode), existing=st.booleans())
    @BOUNDED
    def send(case: Case[Any], existing: bool) -> None:
        if existing and "name" in case.path_parameters:
            case.path_parameters["name"] = PRODUCTION
            if "version" in case.path_parameters:
                case.path_parameters["version"] = "1"
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS)
        seen.add(response.status_code)

    send()
    return seen


def failed(answered: dict[str, set[int]]) -> dict[str, set[int]]:
    """The operations that answered with a 5xx."""
    return {
        label: errors
        for label, found in answered.items()
        if (errors := {status for status in found if status >= 500})
    }


def test_every_answer_without_tokens_is_a_documented_one(service: RunningService) -> None:
    answered = statuses(service.address, GenerationMode.POSITIVE)
    assert failed(answered) == {}
    for path in ("/predict", "/predict/batch", "/v2/models/{name}/infer"):
        assert f"POST {path}" in answered
    # A number may be more than a float32 holds, which the document says in words only.
    assert answered["POST /predict"] in ({200}, {200, 422})
    assert answered["POST /predict/batch"] in ({200}, {200, 422})
    assert 200 in answered["POST /invocations"]
    assert answered["GET /v2/models/{name}"] == {200, 404}
    assert answered["GET /ping"] == {200}


def test_every_answer_to_a_wrong_body_is_a_documented_one(service: RunningService) -> None:
    answered = statuses(service.address, GenerationMode.NEGATIVE)
    assert failed(answered) == {}
    assert 422 in answered["POST /predict"]
    assert answered["POST /predict/batch"] == {422}
    assert 400 in answered["POST /v2/models/{name}/infer"]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_every_answer_to_a_token_is_a_documented_one(with_token: str, mode: GenerationMode) -> None:
    answered = statuses(with_token, mode, Authorization=f"Bearer {TOKEN}")
    assert failed(answered) == {}
    assert answered["POST /predict"] & {200, 422}


def test_without_its_token_only_probes_are_answered(with_token: str) -> None:
    answered = statuses(with_token, GenerationMode.POSITIVE)
    probes = {label for label, found in answered.items() if found == {200}}
    assert probes == {f"GET {path}" for path in PROBES}
    assert {status for label in answered.keys() - probes for status in answered[label]} == {401}


def test_before_there_is_a_model_every_answer_is_a_documented_one(without_model: str) -> None:
    answered = statuses(without_model, GenerationMode.POSITIVE)
    assert set().union(*failed(answered).values()) == {503}
    for scored in ("/predict", "/predict/batch", "/invocations"):
        assert answered[f"POST {scored}"] == {503}
    assert answered["GET /livez"] == {200}
    assert answered["GET /readyz"] == {503}


def test_what_is_missing_while_it_is_not_ready_is_in_the_document(service: RunningService) -> None:
    paths = requests.get(f"{service.address}/openapi.json", timeout=10).json()["paths"]
    without = {
        path
        for path, operations in paths.items()
        for operation in operations.values()
        if "503" not in operation["responses"]
    }
    assert without == {"/livez", "/v2/health/live"}
