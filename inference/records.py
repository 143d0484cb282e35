"""Prediction records: one JSON line for each transaction that was scored, to join late labels to.

A thread of their own formats and writes them, 20 times a second: a reader that stalls holds up no
request, and formatting many in a row costs less than one after each answer. When too many wait, new
ones are dropped and counted.
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

MOST_WAITING = 100_000
WRITE_EVERY_SECONDS = 0.05
WRITTEN_AT_ONCE = 250


class Records:
    """Writes records to a file descriptor until it is closed."""

    def __init__(
        self, kind: Literal["hash", "values", "off"], descriptor: int, dropped: Counter
    ) -> None:
        self._kind, self._descriptor, self._dropped = kind, descriptor, dropped
        self._waiting: deque[tuple[ServedModel, float, str, str, list[Value], float, int]] = deque()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name="records", daemon=True)

    def start(self) -> None:
        """Begin to write; not before a worker has been forked, or its thread would be lost."""
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
    ) -> None:
        """Keep one record to be written; `row` is the place in a batch."""
        if self._kind == "off":
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped.inc()
        else:
            self._waiting.append((model, time(), request_id, caller, values, probability, row))

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, for so many seconds at most."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _write_all(self) -> None:
        while not self._closed.wait(WRITE_EVERY_SECONDS):
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        while self._waiting:
            several = range(min(len(self._waiting), WRITTEN_AT_ONCE))
            text = memoryview(b"".join(self._line(*self._waiting.popleft()) for _ in several))
            try:
                while text:
                    text = text[os.write(self._descriptor, text) :]
            except OSError:  # nobody reads any more
                self._dropped.inc(len(several))

    def _line(
        self,
        model: ServedModel,
        time: float,
        request_id: str,
        caller: str,
        values: list[Value],
        probability: float,
        row: int,
    ) -> bytes:
        return record_line(
            model.record_start,
            time=time,
            request_id=request_id,
            row=row,
            caller=caller,
            probability=probability,
            decision=model.decide(probability),
            values=values,
            names=model.contract.names if self._kind == "values" else None,
        )
