"""The schema of a transaction, made from the contract of the model that scores it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import orjson
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError, create_model
from typing_extensions import TypedDict

from inference.json_body import MaxValues, TooManyValues, parse
from registry.model.contract import Contract, Input
from registry.model.scorer import Value

FLOAT32_MAX = float(np.finfo(np.float32).max)
MAX_CATEGORY_LENGTH = 1000
MAX_SHOWN_CATEGORIES = 20
MAX_ERRORS = 1000
MAX_SUMMARY_ERRORS = 20
MAX_ROWS = 1000
MAX_EXTRA_VALUES = 1000
"""Values of a transaction that are not inputs of the model, whether refused or ignored."""
MAX_EXTRA_COLUMNS = 100
MAX_CONTAINERS_PER_ROW = 10
"""The same of each row of a table, on average over all rows that a request may have."""
MAX_VALUES_AT_ONCE = 20_000
"""Validated in one call, in 2 ms at most, in which the interpreter does nothing else."""
AS_JSON = {
    "dict_type": "Input should be an object",
    "model_type": "Input should be an object",
    "list_type": "Input should be a valid array",
}
"""pydantic's messages for JSON, where those for Python objects differ."""

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
        self.max_rows = max_rows
        self.max_fields = len(contract.inputs) + MAX_EXTRA_VALUES
        self._max_values = MaxValues(self.max_fields, self.max_fields)
        self._max_table_values = MaxValues(
            max_rows * (len(contract.inputs) + MAX_EXTRA_COLUMNS) + MAX_EXTRA_VALUES,
            max_rows * MAX_CONTAINERS_PER_ROW + MAX_EXTRA_VALUES,
        )
        transaction = _transaction(contract, "forbid" if unknown == "refuse" else "ignore")
        self._transaction: TypeAdapter[dict[str, Value]] = TypeAdapter(transaction)
        rows = Annotated[list[transaction], Field(min_length=1, max_length=max_rows)]  # type: ignore[valid-type]
        config = ConfigDict(extra="forbid", strict=True)
        self._documented_batch = create_model("Batch", __config__=config, transactions=(rows, ...))
        any_rows = Annotated[list[Any], Field(min_length=1, max_length=max_rows)]
        self._batch = create_model("Batch", __config__=config, transactions=(any_rows, ...))
        self._rows: TypeAdapter[list[Any]] = TypeAdapter(any_rows)
        self._batch_rows = _Rows(transaction, self.max_fields)
        # MLflow's scoring server drops columns that are not in the signature.
        self._records = _Rows(_transaction(contract, "ignore"), self.max_fields)
        # Not validate_json: it copies the body into the error of each missing field.
        self._validate = self._transaction.validator.validate_python

    def schemas(self) -> dict[str, dict[str, Any]]:
        """JSON Schemas of the bodies of /predict and /predict/batch, each with an example."""
        transaction = self._transaction.json_schema()
        batch = self._documented_batch.model_json_schema()
        batch.pop("$defs")
        batch["properties"]["transactions"]["items"] = {"$ref": "#/components/schemas/Transaction"}
        return {
            "Transaction": {**transaction, "example": self._example},
            "Batch": {**batch, "example": {"transactions": [self._example]}},
        }

    def read(self, body: bytes) -> list[Value]:
        """Values of one transaction, in the contract's order. Raises InvalidTransaction."""
        if len(body) > self.max_fields:  # hardly ever: each value takes a byte and more
            _check(body, self._max_values)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = _parsed(body)
        try:
            # pydantic returns them in the order of the schema, whatever the order in the body.
            return list(self._validate(document).values())
        except ValidationError as error:
            raise _invalid(error) from error

    def read_batch(self, body: bytes) -> list[list[Value]]:
        """Values of each transaction in `{"transactions": [...]}`. Raises InvalidTransaction."""
        self.check_table(body)
        document = _parsed(body)
        if isinstance(document, dict):
            self.check_width(len(document))
        try:
            batch: Any = self._batch.model_validate(document)
        except ValidationError as error:
            raise _invalid(error) from error
        return self._batch_rows.read(batch.transactions, "transactions")

    def read_records(self, records: Sequence[Any]) -> list[list[Value]]:
        """Values of each parsed JSON object; fields that are not in the contract are dropped.

        Raises InvalidTransaction.
        """
        try:
            self._rows.validate_python(records)
        except ValidationError as error:
            raise _invalid(error) from error
        return self._records.read(records)

    def check_table(self, body: bytes) -> None:
        """Raises InvalidTransaction for a body with more values than a table of records has."""
        _check(body, self._max_table_values)

    def check_rows(self, count: int) -> None:
        """Raises InvalidTransaction for more rows than a request may have."""
        if count > self.max_rows:
            message = f"List should have at most {self.max_rows} items after validation"
            raise InvalidTransaction.of_body("too_long", f"{message}, not {count}")

    def check_width(self, fields: int) -> None:
        """Raises InvalidTransaction for more fields than a transaction may have."""
        if fields > self.max_fields:
            raise _too_wide(self.max_fields)


class _Rows:
    """Validates the rows of a table."""

    def __init__(self, transaction: Any, max_fields: int) -> None:
        self._max_fields = max_fields
        adapter: TypeAdapter[dict[str, Value]] = TypeAdapter(transaction)
        self._validate_row = adapter.validator.validate_python
        rows = Annotated[list[transaction], FailFast()]
        all_rows: TypeAdapter[list[dict[str, Value]]] = TypeAdapter(rows)
        self._validate = all_rows.validator.validate_python

    def read(self, rows: Sequence[Any], *location: str) -> list[list[Value]]:
        """Values of each row. Raises InvalidTransaction."""
        for number, row in enumerate(rows):
            if isinstance(row, dict) and len(row) > self._max_fields:
                raise _too_wide(self._max_fields, *location, number)
        size = max(1, MAX_VALUES_AT_ONCE // self._max_fields)
        try:
            return [
                list(row.values())
                for begin in range(0, len(rows), size)
                for row in self._validate(rows[begin : begin + size])
            ]
        except ValidationError as error:  # which names the first invalid row only
            raise self._all_errors(rows, *location) from error

    def _all_errors(self, rows: Sequence[Any], *location: str) -> InvalidTransaction:
        """Row by row, so that other threads get their turn, up to MAX_ERRORS."""
        errors: list[dict[str, Any]] = []
        for number, row in enumerate(rows):
            try:
                self._validate_row(row)
            except ValidationError as error:
                errors += _details(error, *location, number)
            if len(errors) > MAX_ERRORS:
                message = f"more than {MAX_ERRORS} fields are invalid"
                return InvalidTransaction.of_body("too_many_errors", message)
        return InvalidTransaction(errors)


def _too_wide(max_fields: int, *location: str | int) -> InvalidTransaction:
    message = f"more than {max_fields} fields"
    return InvalidTransaction.of_body("too_many_fields", message, *location)


def _check(body: bytes, bounds: MaxValues) -> None:
    try:
        bounds.check(body)
    except TooManyValues as error:
        raise InvalidTransaction.of_body("too_many_values", str(error)) from error


def _parsed(body: bytes) -> Any:
    try:
        return parse(body)
    except ValueError as error:
        raise InvalidTransaction.of_body("json_invalid", f"Invalid JSON: {error}") from error


def _invalid(error: ValidationError) -> InvalidTransaction:
    # A list of thousands of errors would block all other requests.
    if error.error_count() > MAX_ERRORS:
        message = f"{error.error_count()} fields are invalid"
        return InvalidTransaction.of_body("too_many_errors", message)
    return InvalidTransaction(_details(error))


def _details(error: ValidationError, *location: str | int) -> list[dict[str, Any]]:
    """All errors, in the shape of `InvalidTransaction.errors`."""
    return [
        {
            "type": detail["type"],
            "loc": ["body", *location, *detail["loc"]],
            "msg": AS_JSON.get(detail["type"], detail["msg"]),
        }
        for detail in error.errors(include_url=False, include_context=False, include_input=False)
    ]


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
