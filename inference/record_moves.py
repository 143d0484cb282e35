"""Runs the mover of a spool, one at a time over all workers, and reports what it did."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

from inference.metrics import Metrics
from inference.record_mover import Moved
from registry.errors import on_one_line

log = logging.getLogger("inference")


class Moves:
    """Starts `record_mover` for a spool and a destination."""

    def __init__(self, folder: Path, destination: str, metrics: Metrics) -> None:
        self._folder, self._destination, self._metrics = folder, destination, metrics
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> bool:
        """Start a mover, unless one runs, of this or another worker. Raises OSError.

        The mover inherits the lock, which so ends with it, however it ends and even if this process
        has ended before.
        """
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "inference.record_mover", self._folder, self._destination],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # Of pyarrow's allocators, the one that keeps least.
                env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C does not reach it: it finishes what it does
            )
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    def has_ended(self) -> bool:
        """Whether no mover of this worker runs; one that has just ended is reported."""
        if self._process and self._process.poll() is not None:
            self._report(self._process)
            self._process = None
        return self._process is None

    def _report(self, process: subprocess.Popen[str]) -> None:
        output, errors = process.communicate()
        try:
            moved = Moved(**json.loads(output))
        except (ValueError, TypeError):  # it ended before, or a library printed something
            last = on_one_line(errors.strip().rpartition("\n")[2])  # of a traceback
            moved = Moved(failed=1, error=f"exit code {process.returncode}: {last}")
        self._metrics.records_dropped.inc(moved.invalid)
        self._metrics.record_moves_failed.inc(moved.failed)
        if moved.failed:
            log.warning("prediction records wait in %s: %s", self._folder, moved.error)
