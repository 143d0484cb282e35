"""Prediction records on the local disk, from where they are moved to their destination.

Records are appended without fsync: they survive the process at once, and the machine once their
file is sealed. A file is of one hour (of the records' own time, UTC) and one ledger version, and is
sealed after `SEAL_SECONDS`, or with `SEAL_BYTES`. What a killed process left is sealed by whichever
worker finds it, without the part of a line at its end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep, time

from inference.metrics import Metrics
from inference.record_files import (
    CONVERTED,
    OPEN,
    SEALED,
    SECONDS_PER_HOUR,
    OpenFile,
    new_name,
    spool_files,
)
from inference.record_moves import Moves
from inference.records import Line
from registry.errors import UsageError

SEAL_SECONDS = 300.0
SEAL_BYTES = 32 << 20
SCAN_SECONDS = 5.0
MOVE_SECONDS = 60.0
LAST_MOVE_SECONDS = 10.0
"""For how long a worker that stops waits for its records to be moved."""

log = logging.getLogger("inference")
Key = tuple[int, int]
"""Of an open file: hours since 1970, and the ledger version."""


class Spool:
    """The records of this worker in a folder that workers share. For one thread."""

    close_seconds = LAST_MOVE_SECONDS + 5

    def __init__(self, folder: Path, max_bytes: int, destination: str, metrics: Metrics) -> None:
        """Raises UsageError where the folder is not writable."""
        self._folder, self._max_bytes, self._metrics = folder, max_bytes, metrics
        self._moves = Moves(folder, destination, metrics)
        self._open: dict[Key, tuple[OpenFile, float]] = {}
        """Each with the time at which it is sealed."""
        self._bytes = 0
        self._scan_at = self._move_at = monotonic()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / "lock").touch(0o600)
        except OSError as error:
            raise UsageError(
                f"the spool {folder} is not writable ({error.strerror}); "
                "set FRAUD_RECORDS_SPOOL to a folder that is"
            ) from error

    def write(self, lines: Sequence[Line]) -> int:
        """Append records; return how many. The others are lost: the spool or its disk is full."""
        by_file: dict[Key, list[Line]] = {}
        for line in lines:
            key = int(line.time // SECONDS_PER_HOUR), line.version
            by_file.setdefault(key, []).append(line)
        return sum(self._append(key, some) for key, some in by_file.items())

    def _append(self, key: Key, lines: Sequence[Line]) -> int:
        text = b"".join(line.text for line in lines)
        if self._bytes + len(text) > self._max_bytes:
            return 0
        try:
            if key not in self._open:
                name = new_name(lines[0].time, lines[0].version) + OPEN
                file = OpenFile(self._folder / name, is_new=True)
                self._open[key] = file, monotonic() + SEAL_SECONDS
            file, _ = self._open[key]
            file.append(text)
        except OSError as error:
            self._report(error)
            self._bytes = self._max_bytes  # until it is measured again
            if key in self._open:
                self._open.pop(key)[0].close()
            return 0
        self._bytes += len(text)
        if file.size >= SEAL_BYTES:
            self._seal(key)
        return len(lines)

    def tend(self) -> None:
        """Seal, take over, measure and move what is due. To be called many times a second."""
        now = monotonic()
        for key in [key for key, (_, seal_at) in self._open.items() if now >= seal_at]:
            self._seal(key)
        if now < self._scan_at:
            return
        self._scan_at = now + SCAN_SECONDS
        try:
            self._take_over()
            waits = self._measure()
            if self._moves.has_ended() and waits and now >= self._move_at and self._moves.start():
                self._move_at = now + MOVE_SECONDS
        except OSError as error:
            self._report(error)

    def close(self) -> None:
        """Seal everything and move it; after LAST_MOVE_SECONDS it is left to the next start."""
        for key in list(self._open):
            self._seal(key)
        deadline, started = monotonic() + LAST_MOVE_SECONDS, False
        try:
            while monotonic() < deadline:
                if self._moves.has_ended():
                    if started:
                        break
                    started = not self._measure() or self._moves.start()
                sleep(0.02)
            self._measure()
        except OSError as error:
            self._report(error)

    def _seal(self, key: Key) -> None:
        file, _ = self._open.pop(key)
        with closing(file):
            try:
                file.seal()
            except OSError as error:  # it will be taken over
                self._report(error)

    def _take_over(self) -> None:
        """Seal the open files whose worker has ended, or could not write; one that cannot be sealed
        does not keep the others. Raises OSError where the spool cannot be read.
        """
        own = {file.path for file, _ in self._open.values()}
        for left in spool_files(self._folder, OPEN):
            if left.path in own:
                continue
            try:
                with closing(OpenFile(left.path, is_new=False)) as file:
                    self._metrics.records_dropped.inc(file.cut_partial_line())
                    file.seal()
            except (BlockingIOError, FileNotFoundError):
                pass  # its worker lives, or another one has sealed it
            except OSError as error:
                self._report(error)

    def _measure(self) -> bool:
        """Measure what waits in the spool; return whether a mover has something to do."""
        files = spool_files(self._folder, OPEN, SEALED, CONVERTED)
        self._bytes = 0
        for file in files:
            with suppress(FileNotFoundError):  # moved meanwhile
                self._bytes += file.path.stat().st_size
        since = min((file.since for file in files), default=None)
        self._metrics.records_spool_bytes.set(self._bytes)
        self._metrics.records_oldest.set(max(0.0, time() - since) if since else 0)
        return any(file.path.suffix != OPEN for file in files)

    def _report(self, error: OSError) -> None:
        log.warning("the spool of prediction records, %s: %s", self._folder, error.strerror)
