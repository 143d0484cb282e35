"""The OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts import category, number
from tests.inference.calls import ALICE, Caller
from tests.inference.models import served

MODEL = served(
    number("V2"),
    number("V1", nullable=True),
    category("merchant category", "food", "travel"),
    weights=(1.0, 1.0, 1.0),
)


MODELS = "/v2/models/{name}"
VERSIONS = f"{MODELS}/versions/{{version}}"
STATUSES = {
    "/predict": ("post", "200 400 401 403 408 409 413 415 422 503"),
    "/predict/batch": ("post", "200 400 401 403 408 409 413 415 422 503"),
    "/labels": ("post", "200 400 401 403 404 408 413 415 422 503"),
    "/entities/{kind}/{id}": ("get", "200 401 403 404 422 503"),
    "/model": ("get", "200 401 403 503"),
    "/livez": ("get", "200"),
    "/readyz": ("get", "200 503"),
    "/healthcheck": ("get", "200 503"),
    "/metrics": ("get", "200 401 403 503"),
    "/invocations": ("post", "200 400 401 403 408 413 415 503"),
    "/ping": ("get", "200 503"),
    "/v2": ("get", "200 401 403 503"),
    "/v2/health/live": ("get", "200"),
    "/v2/health/ready": ("get", "200 503"),
    MODELS: ("get", "200 400 401 403 404 408 413 415 422 503"),
    VERSIONS: ("get", "200 400 401 403 404 408 413 415 422 503"),
    f"{MODELS}/ready": ("get", "200 400 401 403 404 408 413 415 422 503"),
    f"{VERSIONS}/ready": ("get", "200 400 401 403 404 408 413 415 422 503"),
    f"{MODELS}/infer": ("post", "200 400 401 403 404 408 413 415 422 503"),
    f"{VERSIONS}/infer": ("post", "200 400 401 403 404 408 413 415 422 503"),
}


def document(caller: Caller) -> dict[str, Any]:
    answer = caller.get("/openapi.json")
    assert answer.status_code == 200
    read: dict[str, Any] = answer.json()
    return read


def transaction(read: dict[str, Any]) -> dict[str, Any]:
    """The schema that the body of /predict refers to."""
    body = read["paths"]["/predict"]["post"]["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Transaction"
    }
    schema: dict[str, Any] = read["components"]["schemas"]["Transaction"]
    return schema


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_body_of_predict_lists_the_models_inputs_in_the_contracts_order(caller: Caller) -> None:
    schema = transaction(document(caller.serve(MODEL)))
    assert list(schema["properties"]) == ["V2", "V1", "merchant category"]
    assert schema["required"] == ["V2", "V1", "merchant category"]
    assert schema["additionalProperties"] is False


def test_the_example_in_the_document_is_answered(caller: Caller) -> None:
    example = transaction(document(caller.serve(MODEL)))["example"]
    assert example == {"V2": 2.5, "V1": 2.5, "merchant category": "travel"}
    answer = caller.predict(example)
    assert answer.status_code == 200
    assert answer.json()["probability"] == 6.0
    reasons = caller.post("/predict?explain=true", example).json()["reasons"]
    assert [one["change"] for one in reasons] == [2.25, 2.25, 1.0]


def test_an_answer_has_the_fields_and_types_that_the_document_says(caller: Caller) -> None:
    read = document(caller.serve(MODEL))
    described = read["components"]["schemas"]["Prediction"]
    answer = caller.predict(transaction(read)["example"]).json()
    assert sorted(answer) == sorted(described["required"])
    types = {"number": float, "integer": int, "string": str}
    for name, value in answer.items():
        assert type(value) is types[described["properties"][name]["type"]]
    assert described["properties"]["decision"]["enum"] == ["approve", "review"]


def test_before_a_model_is_loaded_the_body_is_any_object(caller: Caller) -> None:
    assert transaction(document(caller)) == {"type": "object"}


def test_the_document_is_of_the_model_that_is_served_now(caller: Caller) -> None:
    assert "V2" in transaction(document(caller.serve(MODEL)))["properties"]
    caller.serve(served(number("amount"), weights=(1.0,)))
    assert list(transaction(document(caller))["properties"]) == ["amount"]


@pytest.mark.parametrize("loaded", [False, True])
def test_the_document_is_complete_openapi(loaded: bool, caller: Caller) -> None:
    """What OpenAPI 3.1 asks of every document, so far as this one uses it."""
    if loaded:
        caller.serve(MODEL)
    read = document(caller)
    assert read["openapi"].startswith("3.1.")
    assert read["info"]["title"] == "Fraud detection"
    assert read["info"]["version"] == "1"
    assert {path: list(methods) for path, methods in read["paths"].items()} == {
        path: [method] for path, (method, _) in STATUSES.items()
    }
    operations = [one for methods in read["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in operations}) == len(STATUSES)
    for operation in operations:
        assert operation["summary"]
        assert all(one["description"] for one in operation["responses"].values())
    found = set(references(read))
    assert "#/components/schemas/Transaction" in found
    for reference in found:
        start, section, kind, name = reference.split("/")
        assert (start, section, kind) == ("#", "components", "schemas")
        assert name in read["components"]["schemas"]


@pytest.mark.parametrize("path", STATUSES)
def test_the_document_names_every_status_that_a_route_can_answer(path: str, caller: Caller) -> None:
    method, statuses = STATUSES[path]
    responses = document(caller)["paths"][path][method]["responses"]
    assert sorted(responses) == statuses.split()
    assert all(one["description"] for one in responses.values())


@pytest.mark.parametrize("path", ["/predict?explain=true", "/predict/batch"])
def test_what_an_answer_holds_is_described_field_by_field(path: str, caller: Caller) -> None:
    read = document(caller.serve(MODEL))
    operation = read["paths"][path.partition("?")[0]]["post"]
    described = properties(read, operation["responses"]["200"]["content"]["application/json"])
    unusual = {**transaction(read)["example"], "V2": 1000}
    body = {"transactions": [unusual]} if path.endswith("batch") else unusual
    answer = caller.post(path, body).json()
    # This model has no features, and so needs no history.
    assert set(answer) == set(described) - {"features", "history"}
    if path.endswith("batch"):
        of_each = set(read["components"]["schemas"]["Score"]["properties"])
        assert set(answer["predictions"][0]) == of_each - {"history"}


def properties(read: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """Those of the schema that an answer's content refers to."""
    name = content["schema"]["$ref"].rpartition("/")[2]
    found: dict[str, Any] = read["components"]["schemas"][name]["properties"]
    return found


def test_the_bodies_that_need_one_have_a_schema(caller: Caller) -> None:
    read = document(caller.serve(MODEL))
    bodies = {
        path: one["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for path, one in read["paths"].items()
        if "post" in one
    }
    assert {path: name.rpartition("/")[2] for path, name in bodies.items()} == {
        "/predict": "Transaction",
        "/predict/batch": "Batch",
        "/labels": "LabelsBody",
        "/invocations": "Invocation",
        "/v2/models/{name}/infer": "InferRequest",
        "/v2/models/{name}/versions/{version}/infer": "InferRequest",
    }
    example = read["components"]["schemas"]["Batch"]["example"]
    assert caller.post("/predict/batch", example).status_code == 200


def test_the_document_says_that_tokens_are_needed_where_they_are(
    make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    assert "security" not in document(make_caller())
    (tmp_path / "tokens").write_text(ALICE)
    read = document(make_caller(FRAUD_AUTH="on", FRAUD_TOKENS=str(tmp_path / "tokens")))
    assert read["security"] == [{"token": []}]
    assert read["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
