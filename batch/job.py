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
from batch.files import InputFile
from batch.inputs import check_columns, digests, input_files, is_below
from batch.output import NAMES, Counts
from batch.progress import Progress
from batch.raw import RawForm
from batch.rows import Reasons
from batch.scoring import Piece, score
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
        contract = self.head.scorer.contract
        self._output = open_output(self.output)
        if is_below(self.output, self.source):
            raise UsageError("the output is in the folder of the input: name one beside it")
        self.files = input_files(self.source)
        names = self.files[0].schema().names
        form = contract.transaction
        if form is not None and not set(contract.names) <= set(names):
            self.raw = RawForm(contract, form, self.label)
            if given := sorted(contract.computed & set(names)):
                raise UsageError(
                    f"the input has the computed input {given[0]!r}, but not all of them: pass raw "
                    "transactions without it, or whole vectors"
                )
            if contract.history_features and not self.history:
                raise UsageError(
                    "the input holds raw transactions, whose features need those before them: name "
                    "these with --history, or pass vectors"
                )
            if self.history:
                self.past = input_files(self.history)
                check_columns(self.past, self.raw.past_columns)
        elif self.history:
            raise UsageError("the input holds all inputs of the model: leave out --history")
        needed = self.raw.columns if self.raw else list(contract.names)
        if not self.keys:
            kept = {form.id} if form else set()
            self.keys = [name for name in names if name in kept or name not in needed]
            self.keys = [name for name in self.keys if name not in ("", self.label)]
        self.keys = list(dict.fromkeys(self.keys))
        if taken := sorted(set(self.keys) & set(NAMES)):
            raise UsageError(f"{taken[0]!r} is a column of the output: name other ones with --key")
        self._read = list(dict.fromkeys([*self.keys, *needed]))
        if self.raw and self.label and self.label in names:
            self._read = list(dict.fromkeys([*self._read, self.label]))
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
            pending: deque[tuple[Piece, Counts | Future[Counts]]] = deque()
            try:
                for number, piece in enumerate(self._pieces()):
                    done = finished.get(number)
                    if done is None:
                        result = pool.submit(self._write, number, piece)
                        pending.append((piece, result))
                    else:
                        pending.append((piece, done))
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
        self, total: Counts, done: tuple[Piece, Counts | Future[Counts]], progress: Progress
    ) -> Counts:
        piece, result = done
        counts = result if isinstance(result, Counts) else result.result()
        total = Counts(total.scored + counts.scored, total.rejected + counts.rejected)
        progress.show(sum(total), piece.bytes_read, is_new=not isinstance(result, Counts))
        if total.rejected > self.max_rejects * sum(total):
            raise Refused(
                f"{total.rejected:,} of {sum(total):,} rows are rejected, more than --max-rejects "
                f"{self.max_rejects:g} allows; their reasons are in {self.output}/_rejects"
            )
        return total

    def _pieces(self) -> Iterator[Piece]:
        if self.raw is None:
            for file, first, table, bytes_read in self._tables():
                yield Piece(file, first, table, Reasons(len(table)), bytes_read)
            return
        columns = self.raw.past_columns
        history = (table for file in self.past for table, _ in file.tables(columns, self._rows))
        read: list[tuple[InputFile, int, float]] = []

        def tables() -> Iterator[pa.Table]:
            for file, first, table, bytes_read in self._tables():
                read.append((file, first, bytes_read))
                yield table

        for place, (table, reasons) in enumerate(self.raw.completed(tables(), history)):
            file, first, bytes_read = read[place]
            yield Piece(file, first, table, reasons, bytes_read)

    def _tables(self) -> Iterator[tuple[InputFile, int, pa.Table, float]]:
        before = 0
        for file in self.files:
            first, size = 1, file.path.stat().st_size
            for table, share in file.tables(self._read, self._rows):
                yield file, first, table, before + share * size
                first += len(table)
            before += size

    def _write(self, number: int, piece: Piece) -> Counts:
        scored = score(piece, self.head, self.keys, explain=self.explain)
        return self._output.write(number, *scored)
