"""The schema of a transaction, made from the contract of the model that scores it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError, create_model
from typing_extensions import TypedDict

from inference.inputs import describe_inputs
from inference.json_body import MaxValues, TooManyValues, parse
from registry.model.contract import Contract
from registry.model.scorer import Value

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


class UnusualValues(list[Value]):
    """The values of a transaction of which some are far outside of what training saw.

    `outside` has the names of their inputs. A category that training did not see is one of them.
    """

    def __init__(self, values: list[Value], outside: list[str]) -> None:
        super().__init__(values)
        self.outside = outside


class TransactionReader:
    """Parses transactions for one contract: strict JSON in, values in the contract's order out."""

    def __init__(
        self, contract: Contract, *, unknown: UnknownFields = "refuse", max_rows: int = MAX_ROWS
    ) -> None:
        self._inputs = describe_inputs(contract)
        self._example = contract.example or tuple(one.example for one in self._inputs)
        self._ignores_unknown = unknown == "ignore"
        self.max_rows = max_rows
        self.max_fields = len(contract.inputs) + MAX_EXTRA_VALUES
        self._max_values = MaxValues(self.max_fields, self.max_fields)
        self._max_table_values = MaxValues(
            max_rows * (len(contract.inputs) + MAX_EXTRA_COLUMNS) + MAX_EXTRA_VALUES,
            max_rows * MAX_CONTAINERS_PER_ROW + MAX_EXTRA_VALUES,
        )
        extra: Literal["forbid", "ignore"] = "ignore" if self._ignores_unknown else "forbid"
        transaction = _transaction(contract, extra)
        usual = _transaction(contract, extra, usual=True)
        config = ConfigDict(extra="forbid", strict=True)
        any_rows = Annotated[list[Any], Field(min_length=1, max_length=max_rows)]
        self._batch = create_model("Batch", __config__=config, transactions=(any_rows, ...))
        self._rows: TypeAdapter[list[Any]] = TypeAdapter(any_rows)
        self._batch_rows = _Rows(transaction, self.max_fields)
        # MLflow's scoring server drops columns that are not in the signature.
        self._records = _Rows(_transaction(contract, "ignore"), self.max_fields)
        # Not validate_json: it copies the body into the error of each missing field.
        self._validate = _validator(transaction)
        # Most transactions are usual, and need no other check than the one that each needs anyway.
        self._validate_usual = _validator(usual)
        self._validate_usual_rows = _validator(Annotated[list[usual], FailFast()])  # type: ignore[valid-type]

    def schemas(self) -> dict[str, dict[str, Any]]:
        """JSON Schemas of the bodies of /predict and /predict/batch, each with an example."""
        names = (one.input.name for one in self._inputs)
        example = dict(zip(names, self._example, strict=True))
        transaction = {
            "type": "object",
            "description": "The inputs of the model. A number must be one that a float32 can hold.",
            "properties": {one.input.name: one.json_schema() for one in self._inputs},
            "required": [one.input.name for one in self._inputs],
            "additionalProperties": self._ignores_unknown,
            "example": example,
        }
        rows = {
            "type": "array",
            "minItems": 1,
            "maxItems": self.max_rows,
            "items": {"$ref": "#/components/schemas/Transaction"},
        }
        batch = {
            "type": "object",
            "properties": {"transactions": rows},
            "required": ["transactions"],
            "additionalProperties": False,
            "example": {"transactions": [example]},
        }
        return {"Transaction": transaction, "Batch": batch}

    def read(self, body: bytes) -> list[Value]:
        """Values of one transaction, in the contract's order; UnusualValues where they are.

        Raises InvalidTransaction.
        """
        if len(body) > self.max_fields:  # hardly ever: each value takes a byte and more
            _check(body, self._max_values)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = _parsed(body)
        try:
            # pydantic returns them in the order of the schema, whatever the order in the body.
            return list(self._validate_usual(document).values())
        except ValidationError:
            return self._read_unusual(document)

    def _read_unusual(self, document: Any) -> list[Value]:
        try:
            values = list(self._validate(document).values())
        except ValidationError as error:
            raise _invalid(error) from error
        return self._flagged(values)

    def _flagged(self, values: list[Value]) -> list[Value]:
        outside = [
            one.input.name
            for one, value in zip(self._inputs, values, strict=True)
            if not one.is_usual(value)
        ]
        return UnusualValues(values, outside) if outside else values

    def read_batch(self, body: bytes) -> list[list[Value]]:
        """Values of each transaction in `{"transactions": [...]}`, as `read` returns them.

        Raises InvalidTransaction.
        """
        self.check_table(body)
        document = _parsed(body)
        if isinstance(document, dict):
            self.check_width(len(document))
        try:
            batch: Any = self._batch.model_validate(document)
        except ValidationError as error:
            raise _invalid(error) from error
        documents = batch.transactions
        self._batch_rows.check_widths(documents, "transactions")
        try:
            return self._batch_rows.in_slices(self._validate_usual_rows, documents)
        except ValidationError:
            rows = self._batch_rows.read(documents, "transactions")
        return [self._flagged(values) for values in rows]

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
        self._validate_row = _validator(transaction)
        self._validate = _validator(Annotated[list[transaction], FailFast()])

    def read(self, rows: Sequence[Any], *location: str) -> list[list[Value]]:
        """Values of each row. Raises InvalidTransaction."""
        self.check_widths(rows, *location)
        try:
            return self.in_slices(self._validate, rows)
        except ValidationError as error:  # which names the first invalid row only
            raise self._all_errors(rows, *location) from error

    def in_slices(
        self, validate: Callable[[Any], list[Any]], rows: Sequence[Any]
    ) -> list[list[Value]]:
        """Values of each row, of which few are validated in one call. Raises ValidationError."""
        size = max(1, MAX_VALUES_AT_ONCE // self._max_fields)
        return [
            list(row.values())
            for begin in range(0, len(rows), size)
            for row in validate(rows[begin : begin + size])
        ]

    def check_widths(self, rows: Sequence[Any], *location: str) -> None:
        """Raises InvalidTransaction for a row of more fields than a transaction may have."""
        for number, row in enumerate(rows):
            if isinstance(row, dict) and len(row) > self._max_fields:
                raise _too_wide(self._max_fields, *location, number)

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


def _validator(annotation: Any) -> Callable[[Any], Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    return adapter.validator.validate_python


def _transaction(
    contract: Contract, extra: Literal["forbid", "ignore"], *, usual: bool = False
) -> Any:
    """A TypedDict, not a model class: it allows any name as a key, and is validated faster."""
    fields = {
        one.input.name: one.annotation(one.usual if usual else one.possible, known=usual)
        for one in describe_inputs(contract)
    }
    transaction = TypedDict("Transaction", fields)  # type: ignore[misc]
    config = ConfigDict(extra=extra, strict=True, allow_inf_nan=False)
    transaction.__pydantic_config__ = config  # type: ignore[attr-defined]
    return transaction
