"""A run: the rows of the input in parts, each scored by one thread and written as one file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from batch.blob_output import open_output
from batch.columns import columns_of
from batch.files import InputFile
from batch.inputs import check_columns, digests, input_files, is_below
from batch.output import Counts
from batch.progress import Progress
from batch.raw import RawForm
from batch.rows import Reasons
from batch.scoring import Piece, places, score
from registry.errors import Refused, UsageError
from registry.progress import step
from registry.tracking.head import Head

_MAX_ROWS, _MAX_VALUES = 1 << 16, 1 << 20
"""Of a part."""


@dataclass
class Job:
    """What is scored, and how. Raises UsageError where the input cannot be that of the model."""

    head: Head
    source: str
    output: str
    history: str = ""
    label: str = ""
    keys: Sequence[str] = ()
    max_rejects: float = 0.01
    explain: bool = False
    files: list[InputFile] = field(init=False)
    past: list[InputFile] = field(init=False, default_factory=list)
    raw: RawForm | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._output = open_output(self.output)
        if is_below(self.output, self.source):
            raise UsageError("the output is in the folder of the input: name one beside it")
        self.files = input_files(self.source)
        columns = columns_of(
            self.head.scorer.contract,
            self.files[0].schema().names,
            keys=self.keys,
            label=self.label,
            has_history=bool(self.history),
        )
        self.keys, self._read, self.raw = columns.keys, columns.read, columns.raw
        if self.raw and self.history:
            self.past = input_files(self.history)
            check_columns(self.past, self.raw.past_columns)
        check_columns(self.files, self._read)
        self._rows = max(1, min(_MAX_ROWS, _MAX_VALUES // len(self._read)))

    def run(self, workers: int | None = None) -> Counts:
        """Score what is not scored yet; return the counts of the whole.

        Raises Refused where a larger share than `max_rejects` of the rows so far is rejected, and
        UsageError for an input without rows or that cannot be read, and for an output of another.
        """
        workers = workers or len(os.sched_getaffinity(0))
        with step("hashing the input"):
            manifest = self.manifest()
        progress = Progress(sum(file.path.stat().st_size for file in self.files))
        total = Counts(0, 0)
        with self._output.opened(manifest) as finished, ThreadPoolExecutor(workers) as pool:
            pending: deque[tuple[float, Counts | Future[Counts]]] = deque()
            try:
                for number, (piece, bytes_read) in enumerate(self._pieces()):
                    done = finished.get(number)
                    if done is None:
                        result = pool.submit(self._write, number, piece)
                        pending.append((bytes_read, result))
                    else:
                        pending.append((bytes_read, done))
                    if len(pending) > workers:
                        total = self._counted(total, pending.popleft(), progress)
                while pending:
                    total = self._counted(total, pending.popleft(), progress)
            finally:
                pool.shutdown(cancel_futures=True)
        progress.end()
        if not sum(total):
            raise UsageError("the input contains no rows")
        return total

    def manifest(self) -> dict[str, Any]:
        """What all parts of the output have in common. Reads the files, for their digests."""
        return {
            "model_version": self.head.link.version,
            "model_files": dict(self.head.link.statement.files),
            "input": digests(self.files),
            "history": digests(self.past),
            "label": self.label,
            "keys": list(self.keys),
            "explain": self.explain,
            "rows_of_a_part": self._rows,
        }

    def _counted(
        self, total: Counts, done: tuple[float, Counts | Future[Counts]], progress: Progress
    ) -> Counts:
        bytes_read, result = done
        counts = result if isinstance(result, Counts) else result.result()
        total = Counts(total.scored + counts.scored, total.rejected + counts.rejected)
        progress.show(sum(total), bytes_read, is_new=not isinstance(result, Counts))
        if total.rejected > self.max_rejects * sum(total):
            raise Refused(
                f"{total.rejected:,} of {sum(total):,} rows are rejected, more than --max-rejects "
                f"{self.max_rejects:g} allows; their reasons are in {self.output}/_rejects"
            )
        return total

    def _pieces(self) -> Iterator[tuple[Piece, float]]:
        """Each with the bytes of all files that are read by then, about."""
        if self.raw is None:
            for where, table, bytes_read in self._tables():
                yield Piece(table, where, Reasons(len(table))), bytes_read
            return
        columns = self.raw.past_columns
        history = (table for file in self.past for table, _ in file.tables(columns, self._rows))
        read: list[tuple[pa.Table, float]] = []

        def tables() -> Iterator[pa.Table]:
            for where, table, bytes_read in self._tables():
                read.append((where, bytes_read))
                yield table

        for place, (table, reasons) in enumerate(self.raw.completed(tables(), history)):
            where, bytes_read = read[place]
            yield Piece(table, where, reasons), bytes_read

    def _tables(self) -> Iterator[tuple[pa.Table, pa.Table, float]]:
        before = 0
        for file in self.files:
            first, size = 1, file.path.stat().st_size
            for table, share in file.tables(self._read, self._rows):
                yield places(file.name, first, len(table)), table, before + share * size
                first += len(table)
            before += size

    def _write(self, number: int, piece: Piece) -> Counts:
        scored = score(piece, self.head, self.keys, explain=self.explain)
        return self._output.write(number, *scored)
