"""The Open Inference Protocol: /v2/models/{name}/infer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contracts import number
from tests.inference.calls import Caller
from tests.inference.models import FULL, served

MODEL = "/v2/models/fraud-detector-production"
INFER = f"{MODEL}/infer"


def tensor(name: str, datatype: str, *data: Any, shape: list[int] | None = None) -> dict[str, Any]:
    given = [len(data)] if shape is None else shape
    return {"name": name, "shape": given, "datatype": datatype, "data": list(data)}


TENSORS = [
    tensor("amount", "FP64", 0.25, 0, 0.5),
    tensor("age_days", "FP32", 0.5, None, 0.5),
    tensor("country", "BYTES", "FR", "DE", "XX"),
]


@pytest.fixture
def two_numbers(caller: Caller) -> Caller:
    """a + b / 2."""
    return caller.serve(served(number("a"), number("b", nullable=True), weights=(1.0, 0.5)))


def outputs(caller: Caller, body: Any) -> dict[str, Any]:
    answer = caller.post(INFER, body)
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["data"] for one in answer.json()["outputs"]}


def error(caller: Caller, body: Any) -> str:
    answer = caller.post(INFER, body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    said: str = answer.json()["error"]
    return said


def test_one_tensor_per_input_is_answered_with_probability_and_decision(ready: Caller) -> None:
    answer = ready.post(INFER, {"id": "mine", "inputs": TENSORS})
    assert answer.status_code == 200
    assert answer.json() == {
        "model_name": "fraud-detector-production",
        "model_version": "7",
        "id": "mine",
        "outputs": [
            {
                "name": "probability",
                "shape": [3],
                "datatype": "FP32",
                "data": [0.75, 0.0, 0.5],
            },
            {
                "name": "decision",
                "shape": [3],
                "datatype": "BYTES",
                "data": ["review", "approve", "review"],
            },
        ],
    }


def test_without_an_id_the_answer_has_the_requests(ready: Caller) -> None:
    answer = ready.post(INFER, {"inputs": TENSORS}, x_request_id="from-header")
    assert answer.json()["id"] == "from-header"


def test_extensions_and_parameters_are_left_alone(ready: Caller) -> None:
    inputs = [{**one, "parameters": {"content_type": "np"}} for one in TENSORS]
    body = {"inputs": inputs, "parameters": {"a": 1}, "outputs": [{"name": "probability", "x": 1}]}
    assert outputs(ready, body) == {"probability": [0.75, 0.0, 0.5]}


def test_the_outputs_that_are_asked_for_are_given_in_that_order(ready: Caller) -> None:
    body = {"inputs": TENSORS, "outputs": [{"name": "decision"}, {"name": "probability"}]}
    assert list(outputs(ready, body)) == ["decision", "probability"]
    twice = {"inputs": TENSORS, "outputs": [{"name": "decision"}, {"name": "decision"}]}
    assert list(outputs(ready, twice)) == ["decision"]


def test_tensors_may_be_columns_in_any_order_and_nested(ready: Caller) -> None:
    inputs = [
        {**one, "shape": [3, 1], "data": [[value] for value in one["data"]]}
        for one in reversed(TENSORS)
    ]
    assert outputs(ready, {"inputs": inputs})["probability"] == [0.75, 0.0, 0.5]


@pytest.mark.parametrize("data", [[0.25, 0.5, 1, None], [[0.25, 0.5], [1, None]]])
def test_a_model_of_numbers_takes_one_tensor_in_the_contracts_order(
    data: list[Any], two_numbers: Caller
) -> None:
    inputs = [{"name": "anything", "shape": [2, 2], "datatype": "FP32", "data": data}]
    assert outputs(two_numbers, {"inputs": inputs})["probability"] == [0.5, 1.0]


def test_probabilities_are_bit_identical_to_those_of_predict(ready: Caller) -> None:
    inputs = [
        tensor(name, "BYTES" if name == "country" else "FP64", value)
        for name, value in FULL.items()
    ]
    assert outputs(ready, {"inputs": inputs})["probability"] == [
        ready.predict(FULL).json()["probability"]
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"x", "body: Invalid JSON"),
        ([], "body: Input should be an object"),
        ({}, "inputs: Field required"),
        ({"inputs": []}, "inputs: List should have at least 1 item"),
        ({"inputs": [{}]}, "inputs.0.name: Field required"),
        ({"inputs": [tensor("amount", "FP64", 1, shape=[])]}, "inputs.0.shape: List should have"),
        ({"inputs": [tensor("amount", "FP64", 1, shape=[-1])]}, "inputs.0.shape.0: Input should"),
        ({"inputs": [tensor("amount", "FP64", 1, shape=[1, 1, 1])]}, "inputs.0.shape: List should"),
        ({"id": 7, "inputs": TENSORS}, "id: Input should be a valid string"),
        ({"id": "x" * 129, "inputs": TENSORS}, "id: String should have at most 128 characters"),
        (
            {"inputs": TENSORS, "outputs": [{"name": "label"}]},
            "unknown output 'label'; there are probability, decision",
        ),
        (
            {"inputs": [tensor("amount", "FP64", 1, 2, shape=[3])]},
            "amount: 2 values do not have the shape [3]",
        ),
        (
            {"inputs": [tensor("amount", "FP16", 1)]},
            "amount: datatype 'FP16' is not supported",
        ),
        (
            {"inputs": [*TENSORS, tensor("colour", "BYTES", "a")]},
            "the model has no input 'colour'",
        ),
        ({"inputs": [TENSORS[0], TENSORS[0]]}, "two tensors have the same name"),
        (
            {"inputs": [TENSORS[0], tensor("age_days", "FP32", 1)]},
            "each tensor must have the shape [n] or [n, 1], with the same n",
        ),
        (
            {"inputs": [tensor("amount", "FP64", 1, 2, shape=[1, 2])]},
            "each tensor must have the shape [n] or [n, 1], with the same n",
        ),
        ({"inputs": TENSORS[:2]}, "0.country: Field required; 1.country: Field required; 2.c"),
        (
            {
                "inputs": [
                    tensor("amount", "FP64", "4000 0012"),
                    *(tensor(one["name"], one["datatype"], one["data"][0]) for one in TENSORS[1:]),
                ]
            },
            "0.amount: Value should be of datatype FP64",
        ),
        (
            {"inputs": [tensor("amount", "FP64", [[1]])]},
            "0.amount: Value should be of datatype FP64",
        ),
        (
            {"inputs": [tensor("amount", "FP64", shape=[0])]},
            "body: List should have at least 1 item",
        ),
    ],
    ids=lambda value: json.dumps(value)[:60] if not isinstance(value, bytes) else "bytes",
)
def test_what_is_not_of_the_protocol_or_the_model_is_refused_with_one_error(
    body: Any, said: str, ready: Caller
) -> None:
    assert error(ready, body).startswith(said)


@pytest.mark.parametrize(
    ("datatype", "good", "bad"),
    [
        ("INT64", [-(2**63), 0, 1.0], [0.75, 2**63, True, "1"]),
        ("UINT64", [0, 2**64 - 1], [-1, 2**64, 0.5]),
        ("INT32", [2**31 - 1], [2**31]),
        ("UINT8", [255], [256, -1, 1e300]),
        ("INT8", [-128], [128]),
        ("FP64", [0.75, 3], [True, "0.75"]),
        ("FP32", [0.75, 3], [True, "0.75"]),
        ("BYTES", [], [0.75, 1, True]),
        ("BOOL", [], [0.75, 1, "1"]),
    ],
)
def test_values_must_be_of_the_datatype_they_are_sent_as(
    datatype: str, good: list[Any], bad: list[Any], caller: Caller
) -> None:
    caller.serve(served(number("amount"), weights=(1.0,)))
    for value in good:
        assert outputs(caller, {"inputs": [tensor("amount", datatype, 0, value)]})
    for value in bad:
        said = error(caller, {"inputs": [tensor("amount", datatype, None, value)]})
        assert said == f"1.amount: Value should be of datatype {datatype}"


def test_what_is_0_or_1_may_be_a_boolean(caller: Caller) -> None:
    caller.serve(served(number("flag", low=0.0, high=1.0), weights=(0.75,)))
    inputs = [tensor("flag", "BOOL", True, False)]
    assert outputs(caller, {"inputs": inputs})["probability"] == [0.75, 0.0]
    caller.serve(served(number("amount"), weights=(1.0,)))
    said = error(caller, {"inputs": [tensor("amount", "BOOL", True)]})
    assert said == "0.amount: Input should be a valid number"


def test_the_name_of_a_category_is_of_datatype_bytes(ready: Caller) -> None:
    inputs = [*(tensor(one, "FP64", FULL[one]) for one in ("amount", "age_days"))]
    said = error(ready, {"inputs": [*inputs, tensor("country", "FP64", "FR")]})
    assert said == "0.country: Value should be of datatype FP64"


def test_no_value_is_repeated_in_an_error(ready: Caller) -> None:
    card = "4000 0012 3456 7899"
    inputs = [tensor("amount", "FP64", card), tensor("age_days", "FP64", 1), TENSORS[2]]
    inputs[2] = tensor("country", "BYTES", "FR")
    assert card not in error(ready, {"inputs": inputs})


def test_a_single_tensor_of_another_width_is_refused(two_numbers: Caller) -> None:
    assert error(two_numbers, {"inputs": [tensor("x", "FP32", 1, 2, 3, shape=[1, 3])]})


def test_a_model_with_categories_takes_no_single_tensor(ready: Caller) -> None:
    body = {"inputs": [tensor("rows", "FP32", 0.25, 0.5, 1, shape=[1, 3])]}
    assert error(ready, body) == "the model has no input 'rows'"


def test_a_request_holds_as_many_rows_as_a_batch(two_numbers: Caller) -> None:
    def rows(count: int) -> dict[str, Any]:
        return {"inputs": [tensor("x", "FP32", *[0.25] * 2 * count, shape=[count, 2])]}

    assert len(outputs(two_numbers, rows(1000))["probability"]) == 1000
    assert "at most 1000 items" in error(two_numbers, rows(1001))


def test_values_that_cannot_be_scored_are_refused(caller: Caller) -> None:
    caller.serve(served(number("in"), number("out"), weights=(10.0, 10.0)))
    body = {"inputs": [tensor("x", "FP64", 3e38, -3e38, shape=[1, 2])]}
    assert error(caller, body) == "transactions.0: The model cannot score these values"


def test_rows_and_refusals_are_counted(ready: Caller) -> None:
    outputs(ready, {"inputs": TENSORS})
    error(ready, {"inputs": TENSORS[:2]})
    read = ready.samples()
    assert read["fraud_decisions_total{decision=review}"] == 2
    assert read["fraud_invalid_fields_total{field=country,version=7}"] == 3


def test_the_number_of_tensors_and_outputs_is_bounded(two_numbers: Caller) -> None:
    one = tensor("amount", "FP64", 1)
    assert "inputs: List should have at most 1000 items" in error(
        two_numbers, {"inputs": [one] * 1001}
    )
    outputs = [{"name": "probability"}] * 101
    assert "outputs: List should have at most 100 items" in error(
        two_numbers, {"inputs": [one], "outputs": outputs}
    )
