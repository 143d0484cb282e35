"""What the OpenAPI document says of answers, errors and the requests' bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DESCRIPTION = (
    "Scores card transactions with the model that was approved for Production, and only with it. "
    "The fields of a transaction are those of the model in service; "
    "reload this page after a promotion. Send `X-Request-ID` to find an answer again in the "
    "prediction records: your own transaction number, say."
)


class _Document(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class Decided(_Document):
    """Probability and decision for one transaction."""

    probability: float = Field(description="Probability of fraud, 0 to 1", examples=[0.0123])
    decision: Literal["approve", "review"] = Field(
        description="`review` where the probability reaches the threshold", examples=["approve"]
    )


class _Answer(_Document):
    threshold: float = Field(description="The model's decision threshold", examples=[0.41])
    model_version: int = Field(description="Version in the ledger", examples=[3])
    model_digest: str = Field(
        description="First 12 characters of the sha256 of the model file that answered",
        examples=["9c1e5d0a77b2"],
    )
    request_id: str = Field(
        description="From `X-Request-ID` or `traceparent`, or made here; also in the answer's "
        "header and in the prediction record",
        examples=["payment-4711"],
    )


class Reason(_Document):
    """How much of the probability is gone when one input is set to its reference value."""

    input: str
    value: float | str | None
    reference: float | str | None = Field(description="The input's usual value in training")
    change: float = Field(description="Probability minus the one with the reference value")


class Prediction(Decided, _Answer):
    """The answer for one transaction."""

    reasons: list[Reason] | None = Field(
        default=None, description="With `explain=true`: the five that change most, largest first"
    )


class BatchPrediction(_Answer):
    """The answers for many transactions, in their order; one model gave them all."""

    predictions: list[Decided]


class FieldError(_Document):
    """One thing that is wrong with the body."""

    type: str
    loc: list[str | int] = Field(description="`body` and the name of the field")
    msg: str


class InvalidBody(_Document):
    """Every field that is missing, unknown or not what it must be."""

    detail: list[FieldError]


class Message(_Document):
    """Why the request was not served."""

    detail: str


class ProtocolError(_Document):
    """An error of the Open Inference Protocol."""

    error: str


class ModelReady(_Document):
    """Whether the model is ready, as the Open Inference Protocol asks it."""

    name: str
    ready: bool


class MlflowError(_Document):
    """An error of MLflow's scoring protocol."""

    error_code: str
    message: str


class Ready(_Document):
    """Requests may come."""

    status: Literal["ready", "alive"]


class Health(_Document):
    """The model that answers, and how sure it is that the ledger says so."""

    status: Literal["ready"]
    model_version: int
    model_digest: str
    candidate: int
    source: Literal["registry", "cache"] = Field(
        description="`cache`: started without the registry, from the last verified model"
    )
    lag_seconds: float = Field(description="Since the ledger confirmed what is served")
    problem: str = Field(description="What the last look at the ledger met; empty if nothing")


class NotReady(_Document):
    """Why no requests should come."""

    status: Literal["not ready"]
    reason: str


class Model(_Document):
    """The model in service, and who put it there."""

    name: str
    version: int = Field(description="Version in the ledger")
    digest: str = Field(description="sha256 of the model file")
    candidate: int
    threshold: float
    approver: str
    approved_at: datetime
    action: Literal["promote", "rollback"]
    evidence: str = Field(description="`RUN@sha256:…`, as it was approved")
    evidence_url: str = Field(description="The evidence in the MLflow UI")
    loaded_at: datetime


UNAUTHORIZED = {"model": Message, "description": "No token that is known"}
BUSY = {"model": Message, "description": "No model yet, too many requests, or no answer in time"}

REFUSED: dict[int | str, dict[str, Any]] = {
    401: UNAUTHORIZED,
    403: {"model": Message, "description": "Without tokens, only loopback is answered"},
}
LIMITED: dict[int | str, dict[str, Any]] = {
    **REFUSED,
    408: {"model": Message, "description": "The body did not arrive in time"},
    413: {"model": Message, "description": "The body is too large"},
    503: BUSY,
}
PREDICT: dict[int | str, dict[str, Any]] = {
    **LIMITED,
    422: {"model": InvalidBody, "description": "The body is not what this model takes"},
}
HEALTH: dict[int | str, dict[str, Any]] = {
    503: {"model": NotReady, "description": "Not ready, and why"}
}
MLFLOW: dict[int | str, dict[str, Any]] = {
    **LIMITED,
    400: {"model": MlflowError, "description": "The body is not of the protocol"},
    415: {"description": "Neither JSON nor CSV", "content": {"text/plain": {}}},
}
OPEN_INFERENCE: dict[int | str, dict[str, Any]] = {
    **LIMITED,
    400: {"model": ProtocolError, "description": "The tensors are not those of the model"},
    404: {"model": ProtocolError, "description": "No such model or version"},
    503: {**BUSY, "model": Message | ProtocolError | ModelReady},
}

_MLFLOW_BODY = {
    "type": "object",
    "description": "One of MLflow's formats: a table as `split`, or as a list of records",
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
    "/invocations": "Invocation",
    "/v2/models/{name}/infer": "InferRequest",
    "/v2/models/{name}/versions/{version}/infer": "InferRequest",
}


def add_bodies(document: dict[str, Any], bodies: dict[str, dict[str, Any]]) -> None:
    """Put the JSON Schemas of the requests' bodies into an OpenAPI document, in place."""
    schemas = document["components"]["schemas"]
    schemas.update({"Transaction": {"type": "object"}, "Batch": {"type": "object"}, **bodies})
    schemas["Invocation"] = _MLFLOW_BODY
    for path, name in _BODIES.items():
        document["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
