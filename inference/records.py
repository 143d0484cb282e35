"""Prediction records on standard output: one line of JSON for each scored transaction.

A background thread encodes and writes them, 20 times a second, so that a blocked reader of standard
output delays no request; encoding many in a row also costs less than one after each response. Past
`MAX_WAITING` records, new ones are dropped and counted.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from time import time
from typing import Literal

from prometheus_client import Counter

from inference.model import ServedModel
from registry.model.record import record_line
from registry.model.scorer import Value

MAX_WAITING = 100_000
WRITE_INTERVAL_SECONDS = 0.05
WRITE_BATCH_SIZE = 250


class RecordWriter:
    """Writes records to a file descriptor until it is closed."""

    def __init__(
        self, kind: Literal["hash", "values", "off"], descriptor: int, dropped: Counter
    ) -> None:
        self._kind, self._descriptor, self._dropped = kind, descriptor, dropped
        self._waiting: deque[
            tuple[ServedModel, float, str, str, list[Value], float, int, str, bool]
        ] = deque()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def start(self) -> None:
        """Start the thread. To be called in the worker, because a fork does not copy threads."""
        if self._kind != "off":
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
            self._dropped.inc()
        else:
            queued = (model, time(), request_id, caller, values, probability, row, transaction_id)
            self._waiting.append((*queued, has_history))

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Write the queued records and stop; give up after the timeout."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._closed.wait(WRITE_INTERVAL_SECONDS):
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        while self._waiting:
            batch = range(min(len(self._waiting), WRITE_BATCH_SIZE))
            text = memoryview(b"".join(self._line(*self._waiting.popleft()) for _ in batch))
            try:
                while text:
                    text = text[os.write(self._descriptor, text) :]
            except OSError:  # standard output was closed by its reader
                self._dropped.inc(len(batch))

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
    ) -> bytes:
        return record_line(
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
