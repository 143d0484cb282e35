"""The Open Inference Protocol, version 2 over REST, as KServe and MLServer speak it.

Source: open-inference-protocol, specification/protocol/inference_rest.md. One input tensor for each
of the model's inputs, of shape [n] or [n, 1]; or, for a model of numbers alone, one tensor of shape
[n, inputs] in the contract's order. Binary tensors (an extension) are not taken.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.answers import Answers, Reply, Request, json_reply
from inference.model import ServedModel
from inference.transaction import InvalidTransaction
from registry.errors import first_error
from registry.model.contract import Contract

NUMBERS = ("FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
PLATFORM = "onnxruntime_onnx"
OUTPUTS = ("probability", "decision")


class Tensor(BaseModel):
    """One named input of a request."""

    model_config = ConfigDict(strict=True)

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)]
    datatype: str
    data: list[Any]


class WantedOutput(BaseModel):
    """One output that is asked for by name."""

    name: str


class InferRequest(BaseModel):
    """The body of `infer`; what else it holds is left alone, as the protocol's extensions want."""

    model_config = ConfigDict(strict=True)

    id: str | None = Field(default=None, max_length=128)
    inputs: Annotated[list[Tensor], Field(min_length=1)]
    outputs: list[WantedOutput] | None = None


class BadTensor(Exception):
    """The tensors are not those of the model; the message says what they must be."""


def metadata(name: str, model: ServedModel) -> dict[str, Any]:
    """What the protocol calls model metadata: the inputs and outputs with datatypes and shapes."""
    return {
        "name": name,
        "versions": [str(model.version)],
        "platform": PLATFORM,
        "inputs": [
            {
                "name": one.name,
                "datatype": "FP64" if one.kind == "number" else "BYTES",
                "shape": [-1],
            }
            for one in model.contract.inputs
        ],
        "outputs": [
            {"name": "probability", "datatype": "FP32", "shape": [-1]},
            {"name": "decision", "datatype": "BYTES", "shape": [-1]},
        ],
    }


def infer(answers: Answers, name: str, model: ServedModel, body: bytes, request: Request) -> Reply:
    """The answer of `infer`: probability and decision of each row. Errors are `{"error": text}`."""
    try:
        asked = InferRequest.model_validate_json(body)
        wanted = [one.name for one in asked.outputs] if asked.outputs else list(OUTPUTS)
        if unknown := set(wanted) - set(OUTPUTS):
            raise BadTensor(f"there is no output {min(unknown)!r}; there are probability, decision")
        rows = model.reader.read_records(_records(asked.inputs, model.contract))
        probabilities = answers.score(model, rows, request)
    except ValidationError as error:
        first = first_error(error)
        return json_reply({"error": f"{first.field or 'body'}: {first.message}"}, 400)
    except BadTensor as error:
        return json_reply({"error": str(error)}, 400)
    except InvalidTransaction as error:
        answers.count_refused(error, model)
        return json_reply({"error": error.one_line}, 400)
    shape = [len(probabilities)]
    outputs = {
        "probability": ("FP32", probabilities),
        "decision": ("BYTES", [model.decide(one) for one in probabilities]),
    }
    return json_reply(
        {
            "model_name": name,
            "model_version": str(model.version),
            "id": asked.id or request.id,
            "outputs": [
                {"name": one, "shape": shape, "datatype": outputs[one][0], "data": outputs[one][1]}
                for one in dict.fromkeys(wanted)
            ],
        }
    )


def _records(tensors: list[Tensor], contract: Contract) -> list[dict[str, Any]]:
    for tensor in tensors:
        if tensor.datatype not in (*NUMBERS, "BYTES"):
            raise BadTensor(f"{tensor.name}: datatype {tensor.datatype!r} is not taken")
        tensor.data = _flat(tensor.data)
        if math.prod(tensor.shape) != len(tensor.data):
            raise BadTensor(f"{tensor.name}: {len(tensor.data)} values do not fill {tensor.shape}")
    width = len(contract.inputs)
    numbers = all(one.kind == "number" for one in contract.inputs)
    only = tensors[0]
    if len(tensors) == 1 and numbers and only.shape[1:] == [width]:
        data = only.data
        rows = [data[begin : begin + width] for begin in range(0, len(data), width)]
        return [dict(zip(contract.names, row, strict=True)) for row in rows]
    columns = {tensor.name: tensor for tensor in tensors}
    if len(columns) != len(tensors):
        raise BadTensor("two tensors have the same name")
    if strange := columns.keys() - set(contract.names):
        raise BadTensor(f"the model takes no input {min(strange)!r}")
    lengths = {len(tensor.data) for tensor in tensors}
    if len(lengths) != 1 or any(tensor.shape[1:] not in ([], [1]) for tensor in tensors):
        raise BadTensor("each tensor must have the shape [n] or [n, 1], with the same n")
    return [
        {name: tensor.data[row] for name, tensor in columns.items()} for row in range(lengths.pop())
    ]


def _flat(data: list[Any]) -> list[Any]:
    """Values in row-major order: the protocol lets them be nested as the shape says, or not."""
    if not any(isinstance(one, list) for one in data):
        return data
    return [value for one in data for value in (one if isinstance(one, list) else [one])]
