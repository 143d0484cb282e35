"""The schema of a transaction, made from the contract of the model that scores it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, create_model
from typing_extensions import TypedDict

from registry.model.contract import Contract, Input
from registry.model.scorer import Value

FLOAT32_MAX = float(np.finfo(np.float32).max)
MAX_CATEGORY_LENGTH = 1000
MAX_SHOWN_CATEGORIES = 20
MAX_ERRORS = 1000
MAX_SUMMARY_ERRORS = 20
MAX_ROWS = 1000

UnknownFields = Literal["refuse", "ignore"]


class InvalidTransaction(Exception):
    """The body does not match the contract; `errors` name every invalid field.

    They have the shape of FastAPI's own (`type`, `loc`, `msg`) and never repeat the input.
    """

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["msg"])
        self.errors = errors

    @classmethod
    def of_body(cls, type_: str, message: str, *location: str | int) -> Self:
        """One error in the body as a whole, or in the transaction at `location`."""
        return cls([{"type": type_, "loc": ["body", *location], "msg": message}])

    @property
    def summary(self) -> str:
        """The first errors on one line, for protocols whose errors are one string."""
        messages = [
            f"{'.'.join(str(part) for part in error['loc'][1:]) or 'body'}: {error['msg']}"
            for error in self.errors[:MAX_SUMMARY_ERRORS]
        ]
        more = len(self.errors) - len(messages)
        return "; ".join([*messages, f"and {more} more"] if more else messages)


class TransactionReader:
    """Parses transactions for one contract: strict JSON in, values in the contract's order out."""

    def __init__(
        self, contract: Contract, *, unknown: UnknownFields = "refuse", max_rows: int = MAX_ROWS
    ) -> None:
        self._example = {input_.name: input_.reference for input_ in contract.inputs}
        transaction = _transaction(contract, "forbid" if unknown == "refuse" else "ignore")
        self._transaction: TypeAdapter[dict[str, Value]] = TypeAdapter(transaction)
        rows = Annotated[list[transaction], Field(min_length=1, max_length=max_rows)]  # type: ignore[valid-type]
        config = ConfigDict(extra="forbid", strict=True)
        self._batch = create_model("Batch", __config__=config, transactions=(rows, ...))
        # MLflow's scoring server drops columns that are not in the signature.
        lenient = _transaction(contract, "ignore")
        records = Annotated[list[lenient], Field(min_length=1, max_length=max_rows)]  # type: ignore[valid-type]
        self._records: TypeAdapter[list[dict[str, Value]]] = TypeAdapter(records)
        self._validate = self._transaction.validator.validate_json

    def schemas(self) -> dict[str, dict[str, Any]]:
        """JSON Schemas of the bodies of /predict and /predict/batch, each with an example."""
        transaction, batch = self._transaction.json_schema(), self._batch.model_json_schema()
        batch.pop("$defs")
        batch["properties"]["transactions"]["items"] = {"$ref": "#/components/schemas/Transaction"}
        return {
            "Transaction": {**transaction, "example": self._example},
            "Batch": {**batch, "example": {"transactions": [self._example]}},
        }

    def read(self, body: bytes) -> list[Value]:
        """Values of one transaction, in the contract's order. Raises InvalidTransaction."""
        try:
            # pydantic returns them in the order of the schema, whatever the order in the body.
            return list(self._validate(body).values())
        except ValidationError as error:
            raise _invalid(error) from error

    def read_batch(self, body: bytes) -> list[list[Value]]:
        """Values of each transaction in `{"transactions": [...]}`. Raises InvalidTransaction."""
        try:
            batch: Any = self._batch.model_validate_json(body)
        except ValidationError as error:
            raise _invalid(error) from error
        return [list(transaction.values()) for transaction in batch.transactions]

    def read_records(self, records: Sequence[Any]) -> list[list[Value]]:
        """Values of each parsed JSON object; fields that are not in the contract are dropped.

        Raises InvalidTransaction.
        """
        try:
            transactions = self._records.validator.validate_python(records)
        except ValidationError as error:
            raise _invalid(error) from error
        return [list(transaction.values()) for transaction in transactions]


def _invalid(error: ValidationError) -> InvalidTransaction:
    # Listing tens of thousands of unknown fields would block all other requests.
    if error.error_count() > MAX_ERRORS:
        message = f"{error.error_count()} fields are invalid"
        return InvalidTransaction.of_body("too_many_errors", message)
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return InvalidTransaction(
        [
            {"type": detail["type"], "loc": ["body", *detail["loc"]], "msg": detail["msg"]}
            for detail in details
        ]
    )


def _transaction(contract: Contract, extra: Literal["forbid", "ignore"]) -> Any:
    """A TypedDict, not a model class: it allows any name as a key, and is validated faster."""
    fields = {input_.name: _field(input_) for input_ in contract.inputs}
    transaction = TypedDict("Transaction", fields)  # type: ignore[misc]
    config = ConfigDict(extra=extra, strict=True, allow_inf_nan=False)
    transaction.__pydantic_config__ = config  # type: ignore[attr-defined]
    return transaction


def _field(input_: Input) -> Any:
    annotation: Any
    if input_.kind == "category":
        annotation = Annotated[str, Field(max_length=MAX_CATEGORY_LENGTH)]
        shown = ", ".join(input_.categories[:MAX_SHOWN_CATEGORIES])
        more = ", …" if len(input_.categories) > MAX_SHOWN_CATEGORIES else ""
        description = f"category; seen in training: {shown}{more}; others are scored as unknown"
    else:
        annotation = Annotated[float, Field(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
        description = "number"
        if input_.low is not None and input_.high is not None:
            description += f"; seen in training: {input_.low:g} to {input_.high:g}"
    if input_.nullable:
        annotation |= None
        description += "; null if missing"
    return Annotated[annotation, Field(description=description)]
