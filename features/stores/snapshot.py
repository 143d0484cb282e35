"""A table as a file: a line of JSON, the columns as binary arrays, the names as lines of JSON.

The SHA-256 of all that is at the end. Numbers have the byte order of the machine, which is named.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from features.stores.table import Head, Table
from registry.atomic import atomic_write
from registry.errors import VerificationError

_FORMAT = "fraud history 1"
_DIGEST_BYTES = hashlib.sha256().digest_size


def write_snapshot(path: Path, table: Table) -> None:
    """Write a table, atomically and durably. Raises OSError."""
    names = [orjson.dumps(each) for each in table.names]
    first = {
        "format": _FORMAT,
        "byteorder": sys.byteorder,
        "head": asdict(table.head),
        "newest": table.newest,
        "complete_since": table.complete_since,
        "rows": len(table.times),
        "names": [len(each) for each in names],
    }
    digest = hashlib.sha256()
    with atomic_write(path) as temporary, temporary.open("wb") as file:

        def put(content: bytes) -> None:
            digest.update(content)
            file.write(content)

        put(orjson.dumps(first, option=orjson.OPT_APPEND_NEWLINE))
        for column in (table.times, table.units, table.hashes, table.labels):
            put(column.tobytes())
        for owners in table.owners:
            put(owners.tobytes())
        for each in names:
            put(each)
        file.write(digest.digest())


def read_snapshot(path: Path) -> Table:
    """Read a table. Raises VerificationError if it is damaged, and OSError."""
    with path.open("rb") as file:
        size = path.stat().st_size
        digest = hashlib.sha256()
        try:
            table = _read(_Hashing(file, digest))
            is_whole = file.read() == digest.digest()
        except (ValueError, TypeError, KeyError):
            is_whole = False
    if not is_whole:
        raise VerificationError(
            f"{path} is damaged ({size:,} bytes): restore the folder from a backup; or move it "
            "away and fill a new one by `python -m features load`"
        )
    return table


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: BinaryIO, digest: Any) -> None:
        self._file, self._digest = file, digest

    def line(self) -> bytes:
        line = self._file.readline(1 << 20)
        self._digest.update(line)
        return line

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._digest.update(content)
        return content

    def array(self, rows: int, dtype: Any) -> Any:
        return np.frombuffer(self.read(rows * np.dtype(dtype).itemsize), dtype)


def _read(file: _Hashing) -> Table:
    first = orjson.loads(file.line())
    if (first["format"], first["byteorder"]) != (_FORMAT, sys.byteorder):
        raise ValueError
    head = Head(**{**first["head"], "kinds": tuple(first["head"]["kinds"])})
    rows = first["rows"]
    return Table(
        head,
        newest=first["newest"],
        complete_since=first["complete_since"],
        times=file.array(rows, np.int64),
        units=file.array(rows, np.int64),
        hashes=file.array(rows, np.uint64),
        labels=file.array(rows, np.uint8),
        owners=tuple(file.array(rows, np.uint32) for _ in head.kinds),
        names=tuple(orjson.loads(file.read(size)) for size in first["names"]),
    )
