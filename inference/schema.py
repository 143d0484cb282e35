"""The OpenAPI document: response models, errors, and the schemas of request bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from inference.serving import Source

DESCRIPTION = (
    "Scores card transactions with the model that is approved for Production, and with no other. "
    "The fields of a transaction are the inputs of the served model; reload this page after a "
    "promotion. Send your own transaction id as `X-Request-ID` to find the response in the "
    "prediction records later."
)


class _Document(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class Score(_Document):
    """Probability and decision for one transaction."""

    probability: float = Field(description="Probability of fraud, 0 to 1", examples=[0.0123])
    decision: Literal["approve", "review"] = Field(
        description="`review` if the probability is at or above the threshold", examples=["approve"]
    )
    outside: list[str] | None = Field(
        default=None,
        description="Only where there are any: the inputs whose value is farther from those seen "
        "in training than those are from each other, or is a category that training did not see",
        examples=[["amount"]],
    )
    history: Literal["missing"] | None = Field(
        default=None,
        description="Only where the feature store was away: the features are those of an empty "
        "history",
    )


class _Response(_Document):
    threshold: float = Field(description="Decision threshold of the model", examples=[0.41])
    model_version: int = Field(description="Ledger version of the model", examples=[3])
    model_digest: str = Field(
        description="First 12 characters of the sha256 of the model file", examples=["9c1e5d0a77b2"]
    )
    request_id: str = Field(
        description="From `X-Request-ID` or `traceparent`, or generated; also in the response "
        "header `X-Request-ID` and in the prediction record",
        examples=["payment-4711"],
    )


class Reason(_Document):
    """How much the probability changes when one input is replaced by its reference value."""

    input: str
    value: float | str | None
    reference: float | str | None = Field(description="A typical value of the input in training")
    change: float = Field(description="Probability minus the probability with the reference value")


class Prediction(Score, _Response):
    """The result for one transaction."""

    reasons: list[Reason] | None = Field(
        default=None,
        description="With `explain=true`: the five inputs that change the probability most, "
        "largest change first",
    )
    features: dict[str, float | None] | None = Field(
        default=None,
        description="With `explain=true`, where the service computes features: their values",
    )


class BatchPrediction(_Response):
    """The results for a batch of transactions, in the order of the request, all by one model."""

    predictions: list[Score]


class FieldError(_Document):
    """One error in the body."""

    type: str
    loc: list[str | int] = Field(description="`body` and the path to the field, or `query`")
    msg: str


class InvalidBody(_Document):
    """Every field that is missing, unknown or invalid."""

    detail: list[FieldError]


class Message(_Document):
    """Why the request was rejected."""

    detail: str


class ProtocolError(_Document):
    """An error of the Open Inference Protocol."""

    error: str


class ModelReady(_Document):
    """Model readiness in the Open Inference Protocol."""

    name: str
    ready: bool


class MlflowError(_Document):
    """An error of MLflow's scoring protocol."""

    error_code: str
    message: str


class Ready(_Document):
    """The process is ready, or alive."""

    status: Literal["ready", "alive"]


class MissingHistory(_Document):
    """Transactions that features reach and the feature store does not hold."""

    since: datetime
    until: datetime
    whole_on: datetime = Field(description="When no feature reaches back to them any more")


class Health(_Document):
    """The served model, and when the ledger last confirmed it."""

    status: Literal["ready"]
    model_version: int
    model_digest: str
    candidate: int
    source: Source = Field(
        description="What the served model was derived from: `registry`, the whole ledger; "
        "`checkpoint`, its end, until the whole is read right after the start; `cache`, the last "
        "verified model, because the registry was unreachable at the start"
    )
    lag_seconds: float = Field(
        description="Seconds since the ledger last confirmed the served model"
    )
    problem: str = Field(description="Why the last poll of the ledger failed; empty if it did not")
    missing_history: MissingHistory | None = Field(
        description="What the feature store lacks of the time that the served model looks back"
    )


class NotReady(_Document):
    """Why the process is not ready."""

    status: Literal["not ready"]
    reason: str


class Model(_Document):
    """The served model and its approval."""

    name: str
    version: int = Field(description="Ledger version")
    digest: str = Field(description="sha256 of the model file")
    candidate: int
    threshold: float
    approver: str
    approved_at: datetime
    action: Literal["promote", "rollback"]
    evidence: str = Field(description="The approved evidence, as `RUN@sha256:…`")
    evidence_url: str = Field(description="The evidence in the MLflow UI")
    loaded_at: datetime


UNAUTHORIZED = {"model": Message, "description": "Missing or unknown bearer token"}
UNAVAILABLE = {
    "model": Message,
    "description": "No model yet, too many concurrent requests, or the request took too long",
}

REFUSED: dict[int | str, dict[str, Any]] = {
    401: UNAUTHORIZED,
    403: {
        "model": Message,
        "description": "The token has not the scope, or without tokens the request is not on "
        "loopback",
    },
}
LIMITED: dict[int | str, dict[str, Any]] = {
    **REFUSED,
    400: {"model": Message, "description": "The body is not what its Content-Encoding says"},
    408: {"model": Message, "description": "The body did not arrive in time"},
    413: {"model": Message, "description": "The body is too large"},
    415: {"model": Message, "description": "The body is compressed with another method than gzip"},
    503: UNAVAILABLE,
}
PREDICT: dict[int | str, dict[str, Any]] = {
    **LIMITED,
    422: {
        "model": InvalidBody,
        "description": "The body does not match the model's inputs, or reasons are asked for where "
        "there are none",
    },
    409: {"model": InvalidBody, "description": "The id is that of another transaction"},
}
LABELS: dict[int | str, dict[str, Any]] = {
    **LIMITED,
    404: {"model": Message, "description": "The service computes no features, and has no history"},
    422: {"model": InvalidBody, "description": "The body is not one label or several"},
}
HEALTH: dict[int | str, dict[str, Any]] = {503: {"model": NotReady, "description": "Not ready"}}
MLFLOW: dict[int | str, dict[str, Any]] = {
    **LIMITED,
    400: {"model": MlflowError | Message, "description": "The body violates the protocol"},
    415: {
        "model": Message,
        "description": "Neither JSON nor CSV, or compressed with another method than gzip",
        "content": {"text/plain": {}},
    },
}
OPEN_INFERENCE: dict[int | str, dict[str, Any]] = {
    **LIMITED,
    400: {"model": ProtocolError | Message, "description": "The tensors do not fit the model"},
    404: {"model": ProtocolError, "description": "Unknown model or version"},
    503: {**UNAVAILABLE, "model": Message | ProtocolError | ModelReady},
}

_MLFLOW_BODY = {
    "type": "object",
    "description": "A table in one of MLflow's formats: `split`, or a list of records",
    "properties": {
        "dataframe_split": {
            "type": "object",
            "required": ["columns", "data"],
            "properties": {
                "columns": {"type": "array", "items": {"type": "string"}},
                "data": {"type": "array", "items": {"type": "array", "items": {}}},
            },
        },
        "dataframe_records": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/components/schemas/Transaction"},
        },
    },
    "minProperties": 1,
    "maxProperties": 1,
}
_BODIES = {
    "/predict": "Transaction",
    "/predict/batch": "Batch",
    "/labels": "LabelsBody",
    "/invocations": "Invocation",
    "/v2/models/{name}/infer": "InferRequest",
    "/v2/models/{name}/versions/{version}/infer": "InferRequest",
}


def add_bodies(document: dict[str, Any], bodies: dict[str, dict[str, Any]]) -> None:
    """Add the JSON Schemas of request bodies to an OpenAPI document, in place."""
    schemas = document["components"]["schemas"]
    schemas.update({"Transaction": {"type": "object"}, "Batch": {"type": "object"}, **bodies})
    schemas["Invocation"] = _MLFLOW_BODY
    for path, name in _BODIES.items():
        document["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
