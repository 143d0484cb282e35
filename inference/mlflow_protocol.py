"""MLflow's scoring protocol: /invocations and /ping, as `mlflow models serve` answers them.

Source: MLflow 3 documentation, "MLflow Serving", section "Inference server specification". Parquet
is not supported: pyarrow is larger than the rest of the service.
"""

from __future__ import annotations

import asyncio
import csv
import io
import math
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any

import orjson

from features.stores.store import StoreUnavailable
from inference.messages import NOT_READY, Reply, RequestContext, json_reply
from inference.model import ServedModel
from inference.predictor import Predictor
from inference.serving import Serving
from inference.transaction import InvalidTransaction, TransactionReader
from registry.model.contract import UNKNOWN_CATEGORY_CODE, Input
from registry.model.scorer import Value

FORMATS = ("dataframe_split", "dataframe_records", "inputs", "instances")
MAX_BLANK_LINES = 1000
MAX_COMMAS_PER_FIELD = 10
"""On average over a row of a CSV file: those in quotes, which separate nothing, are not many."""
TEXT = (b"content-type", b"text/plain; charset=utf-8")
UNSUPPORTED_FORMAT = Reply(
    415, b"This service accepts application/json and text/csv, in UTF-8", (TEXT,)
)


class BadInvocation(Exception):
    """The body violates the scoring protocol; the message states what is expected."""


async def invocations(
    predictor: Predictor,
    serving: Serving,
    body: bytes,
    content_type: str,
    request: RequestContext,
) -> Reply:
    """The reply of /invocations: `{"predictions": [{"probability": p}, ...]}`, one per row.

    Errors are MLflow's: status 400 with `error_code` and `message`, 415 for other formats.
    """
    if (model := serving.model) is None:
        return NOT_READY
    kind = _media_type(content_type)
    if kind not in ("application/json", "text/csv"):
        return UNSUPPORTED_FORMAT
    try:
        rows = await asyncio.to_thread(_read, body, kind, model)
        completed = await predictor.complete(model, rows)
        probabilities = await asyncio.to_thread(predictor.score, model, completed, request)
    except BadInvocation as error:
        return bad_request(str(error))
    except InvalidTransaction as error:
        predictor.count_invalid(error, model)
        return bad_request(error.summary)
    except StoreUnavailable as error:
        return predictor.store_away(error)
    predictions = [{"probability": probability} for probability in probabilities]
    return json_reply({"predictions": predictions})


def _read(body: bytes, kind: str, model: ServedModel) -> list[list[Value]]:
    """The rows as their reader returns them. Raises BadInvocation and InvalidTransaction."""
    if kind == "text/csv":
        records = _from_csv(body, model.reader)
    else:
        records = _from_json(body, model.reader)
    for input_ in model.contract.inputs:
        if input_.kind == "category":
            _name_categories(records, input_)
    return model.reader.read_records(records)


def _media_type(content_type: str) -> str:
    """`type/subtype` of a header Content-Type; empty with parameters that are not supported."""
    header = Message()
    header["content-type"] = content_type.lower()
    parameters = dict(header.get_params([])[1:])
    if parameters.pop("charset", "utf-8") not in ("utf-8", "utf8") or parameters:
        return ""
    return header.get_content_type()


def bad_request(message: str) -> Reply:
    """An error in MLflow's shape."""
    return json_reply({"error_code": "BAD_REQUEST", "message": message}, 400)


def _from_json(body: bytes, reader: TransactionReader) -> list[Any]:
    """The records in any of the four JSON formats. Raises InvalidTransaction for too many."""
    reader.check_table(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInvocation(f"the body is not JSON: {error}") from error
    formats = [name for name in FORMATS if isinstance(document, dict) and name in document]
    if len(formats) != 1:
        raise BadInvocation(
            f"the body must be a JSON object with exactly one of {', '.join(FORMATS)}"
        )
    name = formats[0]
    table = document[name]
    if name == "dataframe_split":
        return _from_split(table, reader)
    if isinstance(table, dict) and name in ("inputs", "instances"):
        return _from_columns(table, reader)
    if not isinstance(table, list):
        raise BadInvocation(f"{name} must be a list of objects, one per row")
    reader.check_rows(len(table))
    return table


def _from_split(table: Any, reader: TransactionReader) -> list[Any]:
    if not isinstance(table, dict):
        table = {}
    columns, data = table.get("columns"), table.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        raise BadInvocation("dataframe_split must be an object with lists `columns` and `data`")
    reader.check_rows(len(data))
    reader.check_width(len(columns))
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) != len(columns):
        raise BadInvocation("dataframe_split.columns must be unique names")
    if not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        raise BadInvocation(f"each row of dataframe_split.data must have {len(columns)} values")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _from_columns(table: Mapping[str, Any], reader: TransactionReader) -> list[Any]:
    """Columns by name; a value that is not a list is a column of one row."""
    reader.check_width(len(table))
    columns = {
        name: column if isinstance(column, list) else [column] for name, column in table.items()
    }
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        raise BadInvocation("all columns must have the same length")
    reader.check_rows(max(lengths))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _from_csv(body: bytes, reader: TransactionReader) -> list[Any]:
    """The records of a CSV file, with the fields of a transaction only.

    Rows are counted while they are read. Raises InvalidTransaction for too many.
    """
    numbers = {field.name for field in reader.fields if field.is_number}

    def parsed(name: str, row: list[str], column: int) -> float | str | None:
        text = row[column] if column < len(row) else None
        if text == "":
            return None
        if name in numbers:
            return math.nan if text is None else _number(text)  # where the row is too short
        return text

    commas = 0

    def bounded(text: io.StringIO) -> Iterator[str]:
        """The lines, of which csv would make a row of any length in one call."""
        nonlocal commas
        for line in text:
            commas += line.count(",")
            reader.check_width(commas // MAX_COMMAS_PER_FIELD)
            yield line

    try:
        lines = csv.reader(bounded(io.StringIO(body.decode("utf-8-sig"))), strict=True)
        names = next(lines, [])
        reader.check_width(len(names))
        commas = 0
        if len(set(names)) != len(names):
            raise ValueError("the header repeats a name")
        fields = [field.name for field in reader.fields]
        columns = {name: names.index(name) for name in fields if name in names}
        records: list[Any] = []
        for number, row in enumerate(lines):
            commas = 0
            reader.check_rows(len(records) + bool(row))
            if number >= reader.max_rows + MAX_BLANK_LINES:
                raise ValueError(f"more than {MAX_BLANK_LINES} lines are blank")
            if len(row) > len(names):
                raise ValueError("a row is longer than the header")
            if row:
                records.append({name: parsed(name, row, at) for name, at in columns.items()})
    except (csv.Error, ValueError) as error:
        raise BadInvocation(f"the body is not CSV with a header: {error}") from error
    return records


def _number(text: str) -> float | str:
    """The number that a text is, as JSON and pandas write it; else the text, which is refused."""
    if "_" in text or not text.isascii():  # 1_0 is 10 to Python only
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _is_number(text: str) -> bool:
    number = _number(text)
    return isinstance(number, float) and math.isfinite(number)


def _name_categories(records: list[Any], input_: Input) -> None:
    """Replace codes of categories, which are what MLflow's signature asks for, by names, in place.

    Raises InvalidTransaction where a value could be either, or is no code of a category.
    """
    codes = dict(enumerate(input_.categories)) | {UNKNOWN_CATEGORY_CODE: None}
    names = frozenset(input_.categories)
    numbers_are_names = any(map(_is_number, input_.categories))
    for row, record in enumerate(records):
        value = record.get(input_.name) if isinstance(record, dict) else None
        problem = ""
        if isinstance(value, str) and value not in names:
            if not numbers_are_names and _is_number(value):
                problem = "No category has a number as its name; send a code as a JSON number"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if numbers_are_names:
                problem = "A number could be a name or a code; send the name, as text"
            elif value not in codes:
                problem = "No category has this code"
            else:
                record[input_.name] = codes[value]
        if problem:
            raise InvalidTransaction.of_body("category", problem, row, input_.name)
