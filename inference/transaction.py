"""The request's schema, made from the contract: the transactions that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, create_model
from typing_extensions import TypedDict

from registry.model.contract import Contract, Input
from registry.model.scorer import Value

FLOAT32_MAX = float(np.finfo(np.float32).max)
LONGEST_CATEGORY = 1000
SHOWN_CATEGORIES = 20
MOST_ERRORS = 1000
MOST_ROWS = 1000

Unknown = Literal["refuse", "ignore"]


class InvalidTransaction(Exception):
    """The body is not what the model takes; `errors` name each field that is off.

    They have the shape that FastAPI gives its own: `type`, `loc`, `msg`, and no echo of the input.
    """

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["msg"])
        self.errors = errors

    @classmethod
    def whole(cls, kind: str, message: str, *place: str | int) -> Self:
        """Something is wrong with the body, or with one transaction in it, as a whole."""
        return cls([{"type": kind, "loc": ["body", *place], "msg": message}])

    @property
    def one_line(self) -> str:
        """The first errors in words, for protocols whose errors are one text."""
        said = [
            f"{'.'.join(str(part) for part in one['loc'][1:]) or 'body'}: {one['msg']}"
            for one in self.errors[:20]
        ]
        more = len(self.errors) - len(said)
        return "; ".join([*said, f"and {more} more"] if more else said)


class TransactionReader:
    """Reads transactions for one contract: strict JSON in, values in the model's order out."""

    def __init__(
        self, contract: Contract, *, unknown: Unknown = "refuse", most_rows: int = MOST_ROWS
    ) -> None:
        self._example = {one.name: one.reference for one in contract.inputs}
        transaction = _transaction(contract, "forbid" if unknown == "refuse" else "ignore")
        self._one: TypeAdapter[dict[str, Value]] = TypeAdapter(transaction)
        rows = Annotated[list[transaction], Field(min_length=1, max_length=most_rows)]  # type: ignore[valid-type]
        config = ConfigDict(extra="forbid", strict=True)
        self._batch = create_model("Batch", __config__=config, transactions=(rows, ...))
        # MLflow's scoring server drops columns that the signature does not name.
        lenient = _transaction(contract, "ignore")
        records = Annotated[list[lenient], Field(min_length=1, max_length=most_rows)]  # type: ignore[valid-type]
        self._records: TypeAdapter[list[dict[str, Value]]] = TypeAdapter(records)
        self._validate = self._one.validator.validate_json

    def schemas(self) -> dict[str, dict[str, Any]]:
        """JSON Schemas of the bodies of /predict and /predict/batch, each with an example."""
        one, many = self._one.json_schema(), self._batch.model_json_schema()
        many.pop("$defs")
        many["properties"]["transactions"]["items"] = {"$ref": "#/components/schemas/Transaction"}
        return {
            "Transaction": {**one, "example": self._example},
            "Batch": {**many, "example": {"transactions": [self._example]}},
        }

    def read(self, body: bytes) -> list[Value]:
        """One transaction's values in the model's order. Raises InvalidTransaction."""
        try:
            # In the order of the schema's fields, whatever the body's order is.
            return list(self._validate(body).values())
        except ValidationError as error:
            raise _invalid(error) from error

    def read_batch(self, body: bytes) -> list[list[Value]]:
        """The values of each of `{"transactions": [...]}`. Raises InvalidTransaction."""
        try:
            batch: Any = self._batch.model_validate_json(body)
        except ValidationError as error:
            raise _invalid(error) from error
        return [list(one.values()) for one in batch.transactions]

    def read_records(self, records: Sequence[Any]) -> list[list[Value]]:
        """The values of each of many parsed JSON objects; columns beyond the model's are dropped.

        Raises InvalidTransaction.
        """
        try:
            rows = self._records.validator.validate_python(records)
        except ValidationError as error:
            raise _invalid(error) from error
        return [list(one.values()) for one in rows]


def _invalid(error: ValidationError) -> InvalidTransaction:
    # Naming tens of thousands of unknown fields would hold up every other request.
    if error.error_count() > MOST_ERRORS:
        return InvalidTransaction.whole(
            "too_many_errors", f"{error.error_count()} fields are wrong"
        )
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return InvalidTransaction(
        [{"type": one["type"], "loc": ["body", *one["loc"]], "msg": one["msg"]} for one in details]
    )


def _transaction(contract: Contract, extra: Literal["forbid", "ignore"]) -> Any:
    """A TypedDict and no model class: its keys may have any name, and it is read faster."""
    fields = {one.name: _field(one) for one in contract.inputs}
    transaction = TypedDict("Transaction", fields)  # type: ignore[misc]
    config = ConfigDict(extra=extra, strict=True, allow_inf_nan=False)
    transaction.__pydantic_config__ = config  # type: ignore[attr-defined]
    return transaction


def _field(one: Input) -> Any:
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
    return Annotated[annotation, Field(description=description)]
