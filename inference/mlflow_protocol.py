"""MLflow's scoring protocol: /invocations and /ping, as `mlflow models serve` speaks them.

Source: MLflow 3 documentation, "MLflow Serving", section "Inference server specification". Of the
formats, Parquet is not taken: it would need pyarrow, which is larger than the rest of the service.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import orjson

from inference.answers import NOT_READY, Answers, Reply, Request, json_reply
from inference.serving import Serving
from inference.transaction import InvalidTransaction
from registry.model.contract import Contract, Input

FORMATS = ("dataframe_split", "dataframe_records", "inputs", "instances")
TEXT = (b"content-type", b"text/plain; charset=utf-8")


class BadInvocation(Exception):
    """The body is not of the scoring protocol; the message says what it must be."""


def invocations(
    answers: Answers, serving: Serving, body: bytes, content_type: str, request: Request
) -> Reply:
    """The answer of /invocations: `{"predictions": [{"probability": p}, ...]}`, a row each.

    Errors have MLflow's shape: status 400 with `error_code` and `message`, 415 for a format.
    """
    if (model := serving.model) is None:
        return NOT_READY
    kind, _, parameters = (part.strip() for part in content_type.lower().partition(";"))
    if kind not in ("application/json", "text/csv") or parameters not in ("", "charset=utf-8"):
        taken = b"This service takes application/json and text/csv, in UTF-8"
        return Reply(415, taken, (TEXT,))
    try:
        records = _csv(body, model.contract) if kind == "text/csv" else _json(body)
        coded = [_with_categories(one, model.contract) for one in records]
        rows = model.reader.read_records(coded)
        probabilities = answers.score(model, rows, request)
    except BadInvocation as error:
        return _bad(str(error))
    except InvalidTransaction as error:
        answers.count_refused(error, model)
        return _bad(error.one_line)
    return json_reply({"predictions": [{"probability": one} for one in probabilities]})


def _bad(message: str) -> Reply:
    return json_reply({"error_code": "BAD_REQUEST", "message": message}, 400)


def _json(body: bytes) -> list[Any]:
    """The records in any of the four JSON formats."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInvocation(f"the body is not JSON: {error}") from error
    given = [name for name in FORMATS if isinstance(document, dict) and name in document]
    if len(given) != 1:
        raise BadInvocation(f"the body must be a JSON object with one of {', '.join(FORMATS)}")
    value = document[given[0]]
    if given[0] == "dataframe_split":
        return _split(value)
    if isinstance(value, dict) and given[0] in ("inputs", "instances"):
        return _columns(value)
    if not isinstance(value, list):
        raise BadInvocation(f"{given[0]} must be a list of objects, one a row")
    return value


def _split(value: Any) -> list[Any]:
    columns, data = (value.get("columns"), value.get("data")) if isinstance(value, dict) else (0, 0)
    if not isinstance(columns, list) or not isinstance(data, list):
        raise BadInvocation("dataframe_split must be an object with `columns` and `data`")
    if not all(isinstance(one, str) for one in columns) or len(set(columns)) != len(columns):
        raise BadInvocation("dataframe_split.columns must be names, each once")
    if not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        raise BadInvocation(f"each row of dataframe_split.data must have {len(columns)} values")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _columns(value: Mapping[str, Any]) -> list[Any]:
    """Columns by name; a value that is no list counts as a column of one."""
    columns = {
        name: column if isinstance(column, list) else [column] for name, column in value.items()
    }
    if len({len(column) for column in columns.values()}) != 1:
        raise BadInvocation("all columns must have as many values")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _csv(body: bytes, contract: Contract) -> list[Any]:
    numbers = {one.name for one in contract.inputs if one.kind == "number"}
    try:
        table = csv.DictReader(io.StringIO(body.decode()), strict=True)
        names, rows = table.fieldnames or [], list(table)
        if len(set(names)) != len(names) or any(None in row for row in rows):
            raise ValueError("a row is longer than the line of names, or a name is there twice")
        return [
            {
                name: None if text == "" else float(text or "nan") if name in numbers else text
                for name, text in row.items()
                if name is not None
            }
            for row in rows
        ]
    except (csv.Error, ValueError) as error:
        raise BadInvocation(f"the body is not CSV with a line of names: {error}") from error


def _with_categories(record: Any, contract: Contract) -> Any:
    """The record with categories as text: to MLflow, they are the codes that its signature says."""
    if not isinstance(record, dict):
        return record
    coded = [
        one
        for one in contract.inputs
        if one.kind == "category" and isinstance(record.get(one.name), int | float)
    ]
    return record | {one.name: _category(record[one.name], one) for one in coded}


def _category(code: float, one: Input) -> str | None:
    known = float(code).is_integer() and 0 <= code < len(one.categories)
    return one.categories[int(code)] if known else None
