"""Prediction records as Parquet: the columns, and the conversion of lines of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from registry.atomic import atomic_write

CHUNK_BYTES = 1 << 20
"""Lines that are converted at once, into one row group: bounds the memory."""
SCHEMA = pa.schema(
    [
        pa.field("model_version", pa.int64(), nullable=False),
        pa.field("model_digest", pa.string(), nullable=False),
        pa.field("threshold", pa.float64(), nullable=False),
        # Not a timestamp, whose microseconds would not hold the fraction exactly.
        pa.field("time", pa.float64(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("caller", pa.string(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("transaction_id", pa.string()),
        pa.field("history", pa.string()),
        pa.field("inputs_sha256", pa.string()),
        # A JSON object. Columns, or a struct, would differ from model to model, so that files of
        # several versions could not be read as one table; a map has values of one type only.
        pa.field("inputs", pa.string()),
    ]
)
"""The fields of `PredictionRecord` in their order, without the constant `record`."""


def write_parquet(lines: Path, destination: Path) -> int:
    """Convert a file of records; return the number of lines that are none, which are left out.

    Only a machine that stopped leaves such lines. The file appears as a whole or not at all, and
    its bytes are on disk. Raises OSError, and ValueError or TypeError for records of other types.
    """
    invalid = 0
    with (
        lines.open("rb") as file,
        atomic_write(destination) as temporary,
        parquet.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer,
    ):
        while chunk := file.readlines(CHUNK_BYTES):
            records = [record for line in chunk if (record := _record(line))]
            invalid += len(chunk) - len(records)
            writer.write_table(_table(records))
    return invalid


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict):
        return None
    if "inputs" in record:
        record["inputs"] = orjson.dumps(record["inputs"]).decode()
    return record


def _table(records: list[dict[str, Any]]) -> pa.Table:
    columns = [
        pa.array([record.get(field.name) for record in records], type=field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)
