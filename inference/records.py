"""Prediction records: a line of JSON for each scored transaction, on standard output or in a spool.

A background thread encodes and writes them, 20 times a second, so that a blocked reader of standard
output, or a slow disk, delays no request; encoding many in a row also costs less than one after
each response. Past `MAX_WAITING` records, new ones are dropped and counted.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from time import time
from typing import Literal, NamedTuple, Protocol

from inference.metrics import Metrics
from inference.model import ServedModel
from registry.model.record import record_line
from registry.model.scorer import Value

MAX_WAITING = 100_000
WRITE_INTERVAL_SECONDS = 0.05
WRITE_BATCH_SIZE = 250


class Line(NamedTuple):
    """An encoded record."""

    time: float
    """Unix time in seconds."""
    version: int
    """The ledger version."""
    text: bytes
    """With its line break."""


class Sink(Protocol):
    """Where records go. One thread calls it."""

    close_seconds: float
    """How long `close` may take."""

    def write(self, lines: Sequence[Line]) -> int:
        """Write records; return how many. The others are lost."""

    def tend(self) -> None:
        """Do what is due besides writing: called 20 times a second."""

    def close(self) -> None:
        """Nothing is written any more."""


class StandardOutput:
    """A file descriptor, whose reader may be gone."""

    close_seconds = 5.0

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, lines: Sequence[Line]) -> int:
        """Write all lines, or none if the reader has closed its end."""
        text = memoryview(b"".join(line.text for line in lines))
        try:
            while text:
                text = text[os.write(self._descriptor, text) :]
        except OSError:
            return 0
        return len(lines)

    def tend(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing: the descriptor stays open."""


class RecordWriter:
    """Writes records to a sink until it is closed."""

    def __init__(
        self, kind: Literal["hash", "values", "off"], sink: Sink, metrics: Metrics
    ) -> None:
        self._kind, self._sink, self._metrics = kind, sink, metrics
        self._waiting: deque[
            tuple[ServedModel, float, str, str, list[Value], float, int, str, bool]
        ] = deque()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. To be called in the worker, because a fork does not copy threads.

        Nor is it made before: Python takes one that was for stopped, so that nobody waits for it.
        """
        if self._kind != "off":
            self._thread = threading.Thread(target=self._run, name="records", daemon=True)
            self._thread.start()

    def add(
        self,
        model: ServedModel,
        request_id: str,
        caller: str,
        values: list[Value],
        probability: float,
        row: int,
        transaction_id: str = "",
        *,
        has_history: bool = True,
    ) -> None:
        """Queue one record; `row` is the position in a batch."""
        if self._kind == "off":
            return
        if len(self._waiting) >= MAX_WAITING:
            self._metrics.records_dropped.inc()
        else:
            queued = (model, time(), request_id, caller, values, probability, row, transaction_id)
            self._waiting.append((*queued, has_history))

    def close(self, timeout_seconds: float | None = None) -> None:
        """Write the queued records and stop; give up after the timeout, by default the sink's."""
        self._closed.set()
        if self._thread:
            self._thread.join(timeout_seconds or self._sink.close_seconds)

    def _run(self) -> None:
        while not self._closed.wait(WRITE_INTERVAL_SECONDS):
            self._write_waiting()
            self._sink.tend()
        self._write_waiting()
        self._sink.close()

    def _write_waiting(self) -> None:
        while self._waiting:
            batch = range(min(len(self._waiting), WRITE_BATCH_SIZE))
            lines = [self._line(*self._waiting.popleft()) for _ in batch]
            written = self._sink.write(lines)
            self._metrics.records_written.inc(written)
            self._metrics.records_dropped.inc(len(lines) - written)

    def _line(
        self,
        model: ServedModel,
        time: float,
        request_id: str,
        caller: str,
        values: list[Value],
        probability: float,
        row: int,
        transaction_id: str,
        has_history: bool,
    ) -> Line:
        text = record_line(
            model.record_start,
            time=time,
            request_id=request_id,
            row=row,
            caller=caller,
            probability=probability,
            decision=model.decide(probability),
            transaction_id=transaction_id,
            has_history=has_history,
            values=values,
            names=model.contract.names if self._kind == "values" else None,
        )
        return Line(time, model.version, text)
