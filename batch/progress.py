"""How far a run is: rows, rows per second, and the time that is left."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

_SECONDS = 10.0
"""Between two lines where standard error is not a terminal."""
_TERMINAL_SECONDS = 0.5


class Progress:
    """Shows progress on standard error: in one line on a terminal, else in a line now and then."""

    def __init__(self, size: int) -> None:
        """`size` is that of all input, in bytes."""
        self._size = max(1, size)
        self._is_terminal = sys.stderr.isatty()
        self._start = self._shown = time.monotonic()
        self._skipped_rows, self._skipped_bytes = 0, 0.0
        self._rows = 0

    def show(self, rows: int, bytes_read: float, *, is_new: bool) -> None:
        """`rows` are done and `bytes_read` of the input; not `is_new`: by an earlier run."""
        now = time.monotonic()
        self._rows = rows
        if not is_new:
            self._skipped_rows, self._skipped_bytes = rows, bytes_read
            return
        if now - self._shown < (_TERMINAL_SECONDS if self._is_terminal else _SECONDS):
            return
        self._shown, seconds = now, now - self._start
        speed = (rows - self._skipped_rows) / seconds
        left = seconds * (self._size - bytes_read) / max(1.0, bytes_read - self._skipped_bytes)
        text = f"  {rows:,} rows, {speed:,.0f} rows/s, {timedelta(seconds=round(left))} left"
        print(
            f"\r{text:<60}" if self._is_terminal else text,
            end="" if self._is_terminal else "\n",
            file=sys.stderr,
            flush=True,
        )

    def end(self) -> None:
        """Print rows and seconds of this run."""
        seconds = time.monotonic() - self._start
        rows = self._rows - self._skipped_rows
        start = "\r" if self._is_terminal else ""
        text = f"  {rows:,} rows in {seconds:.1f} s, {rows / max(seconds, 1e-9):,.0f} rows/s"
        if self._skipped_rows:
            text += f"; {self._skipped_rows:,} were scored before"
        print(f"{start}{text:<60}".rstrip(), file=sys.stderr, flush=True)
