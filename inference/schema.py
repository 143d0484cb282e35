"""What the OpenAPI document says of answers, errors and the request's body."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DESCRIPTION = (
    "Scores card transactions with the model that was approved for Production, and only with it. "
    "The fields of a transaction are those of the model in service; "
    "reload this page after a promotion."
)


class _Document(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


class Prediction(_Document):
    """The answer for one transaction."""

    probability: float = Field(description="Probability of fraud, 0 to 1", examples=[0.0123])
    decision: Literal["approve", "review"] = Field(
        description="`review` where the probability reaches the threshold", examples=["approve"]
    )
    threshold: float = Field(description="The model's decision threshold", examples=[0.41])
    model_version: int = Field(description="Version in the ledger", examples=[3])
    model_digest: str = Field(
        description="sha256 of the model file that answered", examples=["9c1e" + "0" * 60]
    )


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


class Health(_Document):
    """The model that answers."""

    status: Literal["ready"]
    model_version: int
    model_digest: str
    candidate: int


class NotReady(_Document):
    """Why there is no model that answers."""

    status: Literal["not ready"]
    reason: str


PREDICT_RESPONSES: dict[int | str, dict[str, Any]] = {
    413: {"model": Message, "description": "The body is too large"},
    422: {"model": InvalidBody, "description": "The body is not a transaction of this model"},
    503: {"model": Message, "description": "No model is loaded yet"},
}


def add_transaction(document: dict[str, Any], body: dict[str, Any]) -> None:
    """Put the JSON Schema of the request body into an OpenAPI document, in place."""
    document["components"]["schemas"]["Transaction"] = body
    document["paths"]["/predict"]["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Transaction"}}},
    }
