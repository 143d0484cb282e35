"""Prediction records: the line of JSON that the service writes for each scored transaction.

A record is joined to the transaction's label when that is known, weeks later, and holds what is
needed to find the decision again: the model, the inputs or their hash, the probability.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, NotRequired

import orjson
from typing_extensions import TypedDict

from registry.model.scorer import Value

Decision = Literal["approve", "review"]
MISSING_HISTORY: Literal["missing"] = "missing"


class PredictionRecord(TypedDict):
    """The fields of a record, in their order. Exactly one of the last two is present."""

    record: Literal["prediction"]
    """The kind of record: standard output may hold other lines of JSON."""
    model_version: int
    """The ledger version that was served: the version of the registered model in Production."""
    model_digest: str
    """Hex sha256 of the ONNX file that scored the transaction."""
    threshold: float
    """Probability from which the decision is `review`."""
    time: float
    """When it was scored: Unix time in seconds, with a fraction."""
    request_id: str
    """Of the HTTP request: `X-Request-ID`, or the trace id of `traceparent`, or 32 random hex
    digits. All rows of a batch share it."""
    row: int
    """Position in the batch, from 0; 0 for a single transaction."""
    caller: str
    """Name of the bearer token that the request came with; empty where none is required."""
    probability: float
    """Probability of fraud, 0 to 1: the model's float32, which a double holds exactly."""
    decision: Decision
    transaction_id: NotRequired[str]
    """The id in the transaction itself, where the service computes its features."""
    history: NotRequired[Literal["missing"]]
    """Where the feature store was away: the features were those of an empty history."""
    inputs_sha256: NotRequired[str]
    """`inputs_sha256` of the values. For `FRAUD_RECORDS=hash`."""
    inputs: NotRequired[dict[str, Value]]
    """Raw values by input name, in the contract's order: a number, a category, or null where it
    was missing. For `FRAUD_RECORDS=values`."""


def inputs_sha256(values: Sequence[Value]) -> str:
    """Hex sha256 of raw values in the contract's order, as a JSON array without white space."""
    return hashlib.sha256(orjson.dumps(values)).hexdigest()


def record_start(model_version: int, model_digest: str, threshold: float) -> bytes:
    """The start of every record of a model, up to its threshold, to be encoded once."""
    fields = {
        "record": "prediction",
        "model_version": model_version,
        "model_digest": model_digest,
        "threshold": threshold,
    }
    return orjson.dumps(fields)[:-1] + b","


def record_line(
    start: bytes,
    *,
    time: float,
    request_id: str,
    row: int,
    caller: str,
    probability: float,
    decision: Decision,
    transaction_id: str = "",
    has_history: bool = True,
    values: Sequence[Value],
    names: Sequence[str] | None,
) -> bytes:
    """One record with its line break. With `names` it holds the values, without their hash; with
    no `transaction_id`, none.
    """
    fields: dict[str, object] = {
        "time": time,
        "request_id": request_id,
        "row": row,
        "caller": caller,
        "probability": probability,
        "decision": decision,
    }
    if transaction_id:
        fields["transaction_id"] = transaction_id
    if not has_history:
        fields["history"] = MISSING_HISTORY
    if names is None:
        fields["inputs_sha256"] = inputs_sha256(values)
    else:
        fields["inputs"] = dict(zip(names, values, strict=True))
    return start + orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)[1:]
