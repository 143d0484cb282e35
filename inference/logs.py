"""Logs as lines of JSON on standard error, of which a client cannot cause any number."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_LINES = 20
WINDOW_SECONDS = 60.0
MAX_KINDS = 1000

log = logging.getLogger("inference")


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, logger, message; request_id, caller, error if any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("request_id", "caller"):
            if value := getattr(record, name, None):
                line[name] = value
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


@dataclass
class _Window:
    """The lines of one kind since `begin`."""

    begin: float
    last: str = ""
    written: int = 0
    left_out: int = 0


class LineLimit(logging.Filter):
    """At most MAX_LINES lines of one kind per minute; the number of those left out follows.

    A kind is a logger, a message before its arguments are put in, and `extra["reason"]`: for a
    failed request, the caller and the status. So a flood by one caller hides no other's errors.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[str, str, str], _Window] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "is_summary", False):
            return True
        kind = (record.name, str(record.msg), getattr(record, "reason", ""))
        with self._lock:
            if len(self._windows) >= MAX_KINDS:
                kind = ("", "", "")
            window = self._windows.setdefault(kind, _Window(self._clock()))
            if window.written < MAX_LINES:
                window.written += 1
                window.last = record.getMessage()
                return True
            window.left_out += 1
            return False

    def report(self, *, everything: bool = False) -> None:
        """Log how many lines were left out in each window that has ended. To be called often."""
        now = self._clock()
        with self._lock:
            ended = {
                kind: window
                for kind, window in self._windows.items()
                if everything or now - window.begin >= WINDOW_SECONDS
            }
            for kind in ended:
                del self._windows[kind]
        for (_, _, reason), window in ended.items():
            if window.left_out:
                log.info(
                    "%d more lines like %r (%s) in %.0f s were left out",
                    *(window.left_out, window.last, reason.strip(), now - window.begin),
                    extra={"is_summary": True},
                )


line_limit = LineLimit()
"""The limit of this process."""


def log_as_json() -> None:
    """Let all loggers of this process write lines of JSON, those of uvicorn and gunicorn too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(line_limit)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "gunicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
