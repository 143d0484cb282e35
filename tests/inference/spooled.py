"""Prediction records for the tests of the spool, and what is found of them at the destination."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from pyarrow import parquet

from inference.metrics import Metrics
from inference.record_files import OPEN, OpenFile, new_name
from inference.record_spool import Spool
from inference.records import Line
from registry.model.record import record_line, record_start

HOUR = 1_795_852_800.0
"""2026-11-28T08:00Z."""


def line(row: int, time: float = HOUR, version: int = 7) -> Line:
    """The record of one row."""
    text = record_line(
        record_start(version, "0a", 0.5),
        time=time,
        request_id="request",
        row=row,
        caller="alice",
        probability=0.25,
        decision="approve",
        values=[0.5, None, "FR"],
        names=None,
    )
    return Line(time, version, text)


def lines(rows: Sequence[int], time: float = HOUR, version: int = 7) -> list[Line]:
    """The records of several rows."""
    return [line(row, time, version) for row in rows]


def folders(folder: Path) -> tuple[Path, Path]:
    """A spool and a destination."""
    spool, destination = folder / "spool", folder / "destination"
    spool.mkdir(exist_ok=True)
    destination.mkdir(exist_ok=True)
    return spool, destination


def seal(spool: Path, rows: range, version: int = 7) -> Path:
    """A sealed file of records."""
    path = spool / f"{new_name(HOUR, version)}.jsonl"
    path.write_bytes(b"".join(line.text for line in lines(rows, version=version)))
    return path


def new_file(folder: Path) -> OpenFile:
    """An open file of a spool."""
    return OpenFile(folder / (new_name(HOUR, 7) + OPEN), is_new=True)


def spool_in(folder: Path, metrics: Metrics, max_bytes: int = 1_000_000) -> Spool:
    """A worker's spool and its destination, in one folder."""
    spool, destination = folders(folder)
    return Spool(spool, max_bytes, str(destination), metrics)


def records_in(path: Path) -> list[dict[str, Any]]:
    """The records of a Parquet file, as they were before."""
    records = []
    for row in parquet.ParquetFile(path).read().to_pylist():
        record = {"record": "prediction"} | {k: v for k, v in row.items() if v is not None}
        if "inputs" in record:
            record["inputs"] = orjson.loads(record["inputs"])
        records.append(record)
    return records


def stored_rows(destination: Path) -> list[int]:
    """The rows of all records at a destination, in order."""
    paths = destination.rglob("*.parquet")
    return sorted(record["row"] for path in paths for record in records_in(path))
