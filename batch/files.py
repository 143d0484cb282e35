"""A file of the input: its columns, and its rows as tables of a fixed number of rows."""

from __future__ import annotations

import csv as text_csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from registry.errors import UsageError, on_one_line
from registry.ledger.manifest import sha256_of
from registry.storage.data_files import COMPRESSIONS, is_csv

_SEPARATORS = ",;\t|"
_HEADER_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 22
"""Of a CSV file, read at a time; no row may be larger."""
_COLUMN_BYTES = 1 << 20
"""Of a column of a Parquet file, read at a time."""


@dataclass(frozen=True)
class InputFile:
    """A file of the input; `name` is its path in the folder that was given."""

    path: Path
    name: str

    @property
    def shown(self) -> str:
        return on_one_line(self.name)

    @property
    def is_csv(self) -> bool:
        return is_csv(self.path)

    def schema(self) -> pa.Schema:
        """The columns and their types; those of CSV are text. Raises UsageError."""
        with self._errors():
            if not self.is_csv:
                with parquet.ParquetFile(self.path) as file:
                    schema = file.schema_arrow
            else:
                schema = pa.schema([(name, pa.string()) for name in self._header()[0]])
        names = schema.names
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(
                f"{self.shown} has several columns {repeated[0]!r}: rename all but one"
            )
        return schema

    def tables(self, columns: Sequence[str], rows: int) -> Iterator[tuple[pa.Table, float]]:
        """Tables of `rows` rows each, the last one of fewer, with the share of the file's rows or
        bytes that are read by then.

        Raises UsageError where the file cannot be read, or changed since `sha256` or meanwhile.
        """
        self._require_unchanged()
        with self._errors():
            yield from _of_rows(self._batches(columns, rows), rows)
        self._require_unchanged()

    def sha256(self) -> str:
        """Of the file as it is to be read."""
        self._require_unchanged()
        with self._errors():
            return sha256_of(self.path)

    def _require_unchanged(self) -> None:
        if self._state() != self._first_state:
            raise UsageError(f"{self.shown} changed while it was read: run again")

    @cached_property
    def _first_state(self) -> tuple[int, int]:
        return self._state()

    def _batches(self, columns: Sequence[str], rows: int) -> Iterator[tuple[pa.RecordBatch, float]]:
        if self.is_csv:
            yield from self._csv_batches(columns)
            return
        # Not whole columns of a row group at once, which may hold all rows of the file.
        with parquet.ParquetFile(self.path, buffer_size=_COLUMN_BYTES, pre_buffer=False) as file:
            done, total = 0, max(1, file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=rows, columns=columns):
                done += len(batch)
                yield batch, done / total

    def _csv_batches(self, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, float]]:
        names, separator = self._header()
        size = self.path.stat().st_size
        with (
            self.path.open("rb") as raw,
            csv.open_csv(
                pa.input_stream(raw, compression=COMPRESSIONS.get(self.path.suffix.lower())),
                read_options=csv.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    include_columns=columns,
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            ) as reader,
        ):
            for batch in reader:
                yield batch, raw.tell() / size

    def _header(self) -> tuple[list[str], str]:
        """The names in the first line, and the separator."""
        with pa.input_stream(
            str(self.path), compression=COMPRESSIONS.get(self.path.suffix.lower())
        ) as stream:
            head = stream.read(_HEADER_BYTES)
        if not head.strip():
            raise UsageError(f"{self.shown} is empty")
        line = head.lstrip(b"\r\n").splitlines()[0].decode("utf-8-sig")
        if "\0" in line:
            raise self._other_encoding()
        headers = [
            (next(text_csv.reader(io.StringIO(line), delimiter=each)), each) for each in _SEPARATORS
        ]
        return max(headers, key=lambda header: len(header[0]))

    def _state(self) -> tuple[int, int]:
        state = self.path.stat()
        return state.st_size, state.st_mtime_ns

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            raise self._other_encoding() from error
        except (OSError, pa.ArrowException, text_csv.Error) as error:
            if "UTF8" in str(error):
                raise self._other_encoding() from error
            kind = "CSV" if self.is_csv else "Parquet"
            reason = on_one_line((str(error).splitlines() or ["unreadable"])[0])
            raise UsageError(f"{self.shown} cannot be read as {kind}: {reason}") from error

    def _other_encoding(self) -> UsageError:
        return UsageError(f"{self.shown} is not text in UTF-8: convert it, such as by `iconv`")


def _of_rows(
    batches: Iterable[tuple[pa.RecordBatch, float]], rows: int
) -> Iterator[tuple[pa.Table, float]]:
    """The same rows in tables of `rows`: where parts begin depends on nothing but their number."""
    pending: list[pa.RecordBatch] = []
    count, share = 0, 0.0
    for batch, share in batches:
        while count + len(batch) >= rows:
            taken = rows - count
            yield pa.Table.from_batches([*pending, batch.slice(0, taken)]), share
            batch, pending, count = batch.slice(taken), [], 0  # noqa: PLW2901
        if len(batch):
            pending.append(batch)
            count += len(batch)
    if pending:
        yield pa.Table.from_batches(pending), share
