"""The Open Inference Protocol, version 2 over REST, as KServe and MLServer implement it.

Source: open-inference-protocol, specification/protocol/inference_rest.md. A request has one tensor
of shape [n] or [n, 1] for each input of the model. A model without categories also accepts a single
tensor of shape [n, inputs], in the contract's order. Binary tensors, an extension, are not
supported.
"""

from __future__ import annotations

import asyncio
import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.stores.store import StoreUnavailable
from inference.messages import Reply, RequestContext, json_reply
from inference.model import ServedModel
from inference.predictor import Predictor
from inference.transaction import InvalidTransaction, TransactionReader
from registry.errors import first_error
from registry.model.scorer import Value

FLOATS = ("FP32", "FP64")
INTEGERS = {
    **{f"INT{bits}": range(-(2 ** (bits - 1)), 2 ** (bits - 1)) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": range(2**bits) for bits in (8, 16, 32, 64)},
}
PLATFORM = "onnxruntime_onnx"
OUTPUTS = ("probability", "decision")
MAX_TENSORS = 1000
MAX_OUTPUTS = 100


class Tensor(BaseModel):
    """A named input tensor."""

    model_config = ConfigDict(strict=True)

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)]
    datatype: str
    data: list[Any]


class RequestedOutput(BaseModel):
    """The name of an output that the response should contain."""

    name: str


class InferRequest(BaseModel):
    """The body of `infer`. Further fields, such as the protocol's extensions, are ignored."""

    model_config = ConfigDict(strict=True)

    id: str | None = Field(default=None, max_length=128)
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=MAX_TENSORS)]
    outputs: Annotated[list[RequestedOutput], Field(max_length=MAX_OUTPUTS)] | None = None


class BadTensor(Exception):
    """The tensors do not fit the model; the message states what is expected."""


def metadata(name: str, model: ServedModel) -> dict[str, Any]:
    """Model metadata: the inputs and outputs with their datatypes and shapes."""
    return {
        "name": name,
        "versions": [str(model.version)],
        "platform": PLATFORM,
        "inputs": [
            {
                "name": field.name,
                "datatype": "FP64" if field.is_number else "BYTES",
                "shape": [-1],
            }
            for field in model.reader.fields
        ],
        "outputs": [
            {"name": "probability", "datatype": "FP32", "shape": [-1]},
            {"name": "decision", "datatype": "BYTES", "shape": [-1]},
        ],
    }


async def infer(
    predictor: Predictor, name: str, model: ServedModel, body: bytes, request: RequestContext
) -> Reply:
    """The reply of `infer`: probability and decision of each row. Errors are `{"error": text}`."""
    try:
        parsed, names, rows = await asyncio.to_thread(_read, body, model)
        completed = await predictor.complete(model, rows)
        probabilities = await asyncio.to_thread(predictor.score, model, completed, request)
    except ValidationError as error:
        first = first_error(error)
        return json_reply({"error": f"{first.field or 'body'}: {first.message}"}, 400)
    except BadTensor as error:
        return json_reply({"error": str(error)}, 400)
    except InvalidTransaction as error:
        predictor.count_invalid(error, model)
        return json_reply({"error": error.summary}, 400)
    except StoreUnavailable as error:
        return predictor.store_away(error)
    shape = [len(probabilities)]
    outputs = {
        "probability": ("FP32", probabilities),
        "decision": ("BYTES", [model.decide(probability) for probability in probabilities]),
    }
    return json_reply(
        {
            "model_name": name,
            "model_version": str(model.version),
            "id": parsed.id or request.id,
            "outputs": [
                {
                    "name": output,
                    "shape": shape,
                    "datatype": outputs[output][0],
                    "data": outputs[output][1],
                }
                for output in dict.fromkeys(names)
            ],
        }
    )


def _read(body: bytes, model: ServedModel) -> tuple[InferRequest, list[str], list[list[Value]]]:
    """The request, the outputs that it asks for, and the rows as their reader returns them.

    Raises ValidationError, BadTensor and InvalidTransaction.
    """
    model.reader.check_table(body)
    parsed = InferRequest.model_validate_json(body)
    names = [output.name for output in parsed.outputs] if parsed.outputs else list(OUTPUTS)
    if unknown := set(names) - set(OUTPUTS):
        raise BadTensor(f"unknown output {min(unknown)!r}; there are probability, decision")
    return parsed, names, model.reader.read_records(_records(parsed.inputs, model.reader))


def _records(tensors: list[Tensor], reader: TransactionReader) -> list[dict[str, Any]]:
    """One record per row. Raises BadTensor, and InvalidTransaction for its values or too many."""
    names = [field.name for field in reader.fields]
    for tensor in tensors:
        if tensor.datatype not in (*FLOATS, *INTEGERS, "BOOL", "BYTES"):
            raise BadTensor(f"{tensor.name}: datatype {tensor.datatype!r} is not supported")
        tensor.data = _flat(tensor.data)
        if math.prod(tensor.shape) != len(tensor.data):
            raise BadTensor(
                f"{tensor.name}: {len(tensor.data)} values do not have the shape {tensor.shape}"
            )
        for number, value in enumerate(tensor.data):
            if value is not None and not _is_of(tensor.datatype, value):
                message = f"Value should be of datatype {tensor.datatype}"
                raise InvalidTransaction.of_body("datatype", message, number, tensor.name)
    width = len(names)
    only_numbers = all(field.is_number for field in reader.fields)
    if len(tensors) == 1 and only_numbers and tensors[0].shape[1:] == [width]:
        data = tensors[0].data
        reader.check_rows(len(data) // width)
        rows = [data[begin : begin + width] for begin in range(0, len(data), width)]
        return [dict(zip(names, row, strict=True)) for row in rows]
    columns = {tensor.name: tensor for tensor in tensors}
    if len(columns) != len(tensors):
        raise BadTensor("two tensors have the same name")
    if unknown := columns.keys() - set(names):
        raise BadTensor(f"the model has no input {min(unknown)!r}")
    lengths = {len(tensor.data) for tensor in tensors}
    if len(lengths) != 1 or any(tensor.shape[1:] not in ([], [1]) for tensor in tensors):
        raise BadTensor("each tensor must have the shape [n] or [n, 1], with the same n")
    count = lengths.pop()
    reader.check_rows(count)
    return [{name: tensor.data[row] for name, tensor in columns.items()} for row in range(count)]


def _is_of(datatype: str, value: Any) -> bool:
    if datatype == "BYTES":
        return isinstance(value, str)
    if isinstance(value, bool) or datatype == "BOOL":
        return isinstance(value, bool) and datatype == "BOOL"
    if not isinstance(value, int | float):
        return False
    if datatype in FLOATS:
        return True
    # 1.0 is the integer 1. A range would search for a float one by one.
    return (isinstance(value, int) or value.is_integer()) and int(value) in INTEGERS[datatype]


def _flat(data: list[Any]) -> list[Any]:
    """Values in row-major order; the protocol allows data to be nested like the shape, or flat."""
    if not any(isinstance(row, list) for row in data):
        return data
    return [value for row in data for value in (row if isinstance(row, list) else [row])]
