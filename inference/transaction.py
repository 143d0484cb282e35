"""The schema of a transaction, made from the contract of the model that scores it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError, create_model
from typing_extensions import TypedDict

from inference.fields import DescribedField
from inference.inputs import describe_inputs
from inference.json_body import MaxValues, TooManyValues, parse
from inference.json_rows import PIECE_BYTES, NotInPieces, parse_rows
from inference.usual import UsualReader, Values
from registry.model.contract import Contract
from registry.model.scorer import Value

MAX_ERRORS = 1000
MAX_SUMMARY_ERRORS = 20
MAX_ROWS = 1000
MAX_EXTRA_VALUES = 1000
"""Values of a transaction that are not inputs of the model, whether refused or ignored."""
MAX_EXTRA_COLUMNS = 100
MAX_UNCOUNTED_BYTES = 32 * 1024
"""Of a body whose values are not counted unless it is unusual: parsed in 3 ms at most."""
MAX_WHOLE_BYTES = 1024 * 1024
"""Of a table that is parsed in one call, in 4 ms: a larger one in pieces, or not at all."""
MIN_WIDE_INPUTS = 32
"""From so many inputs on, numpy takes less time for a transaction than pydantic."""
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

    status = 422

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
    """Parses transactions: strict JSON in, values in the order of the fields out."""

    def __init__(
        self,
        contract: Contract,
        *,
        unknown: UnknownFields = "refuse",
        max_rows: int = MAX_ROWS,
        fields: Sequence[DescribedField] | None = None,
    ) -> None:
        """`fields` of a transaction: by default the inputs of the contract."""
        inputs = describe_inputs(contract) if fields is None else None
        self.fields = fields = inputs or fields or ()
        self._example = dict(zip(contract.names, contract.example or (), strict=False))
        self._ignores_unknown = unknown == "ignore"
        self.max_rows = max_rows
        self.max_fields = len(fields) + MAX_EXTRA_VALUES
        self._max_values = MaxValues(self.max_fields, self.max_fields)
        self._max_table_values = MaxValues(
            max_rows * (len(fields) + MAX_EXTRA_COLUMNS) + MAX_EXTRA_VALUES,
            max_rows * MAX_CONTAINERS_PER_ROW + MAX_EXTRA_VALUES,
        )
        extra: Literal["forbid", "ignore"] = "ignore" if self._ignores_unknown else "forbid"
        transaction = _transaction(fields, extra)
        usual = _transaction(fields, extra, usual=True)
        config = ConfigDict(extra="forbid", strict=True)
        any_rows = Annotated[list[Any], Field(min_length=1, max_length=max_rows)]
        self._batch = create_model("Batch", __config__=config, transactions=(any_rows, ...))
        self._rows: TypeAdapter[list[Any]] = TypeAdapter(any_rows)
        # What is usual has a value for each input and no other, unless others are ignored.
        allowed = self.max_fields if self._ignores_unknown else len(fields)
        self._usual = UsualReader(inputs, max_fields=allowed) if inputs else None
        self._is_wide = len(fields) >= MIN_WIDE_INPUTS
        self._max_uncounted_bytes = 0 if self._ignores_unknown else MAX_UNCOUNTED_BYTES
        self._batch_rows = _Rows(transaction, self._usual, self.max_fields)
        # MLflow's scoring server drops columns that are not in the signature.
        usual_record = UsualReader(inputs, max_fields=self.max_fields) if inputs else None
        self._records = _Rows(_transaction(fields, "ignore"), usual_record, self.max_fields)
        # Not validate_json: it copies the body into the error of each missing field.
        self._validate = _validator(transaction)
        # Most transactions are usual, and need no other check than the one that each needs anyway.
        self._validate_usual = _validator(usual)

    def schemas(self) -> dict[str, dict[str, Any]]:
        """JSON Schemas of the bodies of /predict and /predict/batch, each with an example."""
        example = {one.name: self._example.get(one.name, one.example) for one in self.fields}
        transaction = {
            "type": "object",
            "description": "A number must be one that a float32 can hold.",
            "properties": {one.name: one.json_schema() for one in self.fields},
            "required": [one.name for one in self.fields],
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
        """Values of one transaction, in the contract's order; `Values` where more is known.

        Raises InvalidTransaction.
        """
        if len(body) > self._max_uncounted_bytes:
            _check(body, self._max_values)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            _check(body, self._max_values)
            document = _parsed(body)
        if self._is_wide and self._usual:
            if usual := self._usual.read([document]):
                return usual[0]
        else:
            try:
                # pydantic returns them in the order of the schema, whatever that in the body.
                return list(self._validate_usual(document).values())
            except ValidationError:
                pass
        _check(body, self._max_values)
        try:
            return self._flagged(list(self._validate(document).values()))
        except ValidationError as error:
            raise _invalid(error) from error

    def _flagged(self, values: list[Value]) -> Values:
        flagged = Values(values)
        flagged.outside = [
            one.name
            for one, value in zip(self.fields, values, strict=True)
            if not one.is_usual(value)
        ]
        return flagged

    def read_batch(self, body: bytes) -> list[Values]:
        """Each transaction in `{"transactions": [...]}`. Raises InvalidTransaction."""
        self.check_table(body)
        document = _parsed_batch(body)
        if isinstance(document, dict):
            self.check_width(len(document))
        try:
            documents = self._batch.model_validate(document).transactions  # type: ignore[attr-defined]
        except ValidationError as error:
            raise _invalid(error) from error
        del document  # so that its rows are freed a few at a time
        return [
            one if isinstance(one, Values) else self._flagged(one)
            for one in self._batch_rows.read(documents, "transactions")
        ]

    def read_records(self, records: list[Any]) -> list[list[Value]]:
        """Values of each parsed JSON object, in its place in the list.

        Fields that are not in the contract are dropped. Raises InvalidTransaction.
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

    def __init__(self, transaction: Any, usual: UsualReader | None, max_fields: int) -> None:
        self._usual, self._max_fields = usual, max_fields
        self._validate_row = _validator(transaction)
        self._validate = _validator(Annotated[list[transaction], FailFast()])

    def read(self, rows: list[Any], *location: str) -> list[list[Value]]:
        """Values of each row, in its place in `rows`, of which few are read in one call.

        Raises InvalidTransaction.
        """
        self.check_widths(rows, *location)
        size = max(1, MAX_VALUES_AT_ONCE // self._max_fields)
        for begin in range(0, len(rows), size):
            piece = rows[begin : begin + size]
            try:
                read: Sequence[list[Value]] | None = None
                if self._usual is not None:
                    read = self._usual.read(piece)
                if read is None:
                    read = [list(row.values()) for row in self._validate(piece)]
            except ValidationError as error:  # which names the first invalid row only
                raise self._all_errors(rows, begin, *location) from error
            rows[begin : begin + size] = read
        return rows

    def check_widths(self, rows: Sequence[Any], *location: str) -> None:
        """Raises InvalidTransaction for a row of more fields than a transaction may have."""
        for number, row in enumerate(rows):
            if isinstance(row, dict) and len(row) > self._max_fields:
                raise _too_wide(self._max_fields, *location, number)

    def _all_errors(self, rows: list[Any], begin: int, *location: str) -> InvalidTransaction:
        """Row by row, so that other threads get their turn, up to MAX_ERRORS, from `begin` on."""
        errors: list[dict[str, Any]] = []
        for number in range(begin, len(rows)):
            try:
                self._validate_row(rows[number])
            except ValidationError as error:
                errors += details_of(error, *location, number)
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


def _parsed_batch(body: bytes) -> Any:
    if len(body) > PIECE_BYTES:
        try:
            return {"transactions": parse_rows(body, "transactions")}
        except NotInPieces as error:
            if len(body) > MAX_WHOLE_BYTES:
                message = f"Invalid JSON, or more than a list of transactions: {error}"
                raise InvalidTransaction.of_body("json_invalid", message) from error
    return _parsed(body)


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
    return InvalidTransaction(details_of(error))


def details_of(error: ValidationError, *location: str | int) -> list[dict[str, Any]]:
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
    described: Sequence[DescribedField],
    extra: Literal["forbid", "ignore"],
    *,
    usual: bool = False,
) -> Any:
    """A TypedDict, not a model class: it allows any name as a key, and is validated faster."""
    fields = {one.name: one.usual_annotation if usual else one.annotation for one in described}
    transaction = TypedDict("Transaction", fields)  # type: ignore[misc]
    config = ConfigDict(extra=extra, strict=True, allow_inf_nan=False)
    transaction.__pydantic_config__ = config  # type: ignore[attr-defined]
    return transaction
