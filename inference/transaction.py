"""The request's schema, made from the contract: the transaction that a model takes."""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from registry.contract import Contract, Input
from registry.scorer import Value

FLOAT32_MAX = float(np.finfo(np.float32).max)
LONGEST_CATEGORY = 1000
SHOWN_CATEGORIES = 20
MOST_ERRORS = 1000


class InvalidTransaction(Exception):
    """The body is not the transaction that the model takes; `errors` name each field that is off.

    They have the shape that FastAPI gives its own: `type`, `loc`, `msg`, and no echo of the input.
    """

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["msg"])
        self.errors = errors

    @classmethod
    def whole(cls, kind: str, message: str) -> Self:
        """Something is wrong with the body as a whole."""
        return cls([{"type": kind, "loc": ["body"], "msg": message}])


class TransactionReader:
    """Reads request bodies for one contract: strict JSON in, values in the model's order out."""

    def __init__(self, contract: Contract) -> None:
        # Inputs may have any name, Python's attributes may not: so numbered ones with aliases.
        self._attributes = [f"input_{index}" for index in range(len(contract.inputs))]
        fields: dict[str, Any] = {
            attribute: _field(one)
            for attribute, one in zip(self._attributes, contract.inputs, strict=True)
        }
        self._model: type[BaseModel] = create_model(
            "Transaction",
            __config__=ConfigDict(
                extra="forbid",
                strict=True,
                allow_inf_nan=False,
                json_schema_extra={"example": _example(contract)},
            ),
            **fields,
        )

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the request body, with names, types, nulls, ranges and an example."""
        return self._model.model_json_schema()

    def read(self, body: bytes) -> list[Value]:
        """The transaction's values in the model's order. Raises InvalidTransaction."""
        try:
            transaction = self._model.model_validate_json(body)
        except ValidationError as error:
            # Naming tens of thousands of unknown fields would hold up every other request.
            if error.error_count() > MOST_ERRORS:
                raise InvalidTransaction.whole(
                    "too_many_errors", f"{error.error_count()} fields are wrong"
                ) from error
            details = error.errors(include_url=False, include_context=False, include_input=False)
            raise InvalidTransaction(
                [
                    {"type": one["type"], "loc": ["body", *one["loc"]], "msg": one["msg"]}
                    for one in details
                ]
            ) from error
        return [getattr(transaction, attribute) for attribute in self._attributes]


def _field(one: Input) -> tuple[Any, Any]:
    annotation: Any
    if one.kind == "category":
        annotation = Annotated[str, Field(max_length=LONGEST_CATEGORY)]
        known = ", ".join(one.categories[:SHOWN_CATEGORIES])
        more = ", …" if len(one.categories) > SHOWN_CATEGORIES else ""
        description = f"category; seen in training: {known}{more}; others are scored as unknown"
    else:
        annotation = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
        description = "number"
        if one.low is not None and one.high is not None:
            description += f"; seen in training: {one.low:g} to {one.high:g}"
    if one.nullable:
        annotation |= None
        description += "; null where it is missing"
    return annotation, Field(alias=one.name, description=description)


def _example(contract: Contract) -> dict[str, Any]:
    return {one.name: one.reference for one in contract.inputs}
