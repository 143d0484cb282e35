"""The journal: each change as a line of JSON, written before it is made and answered.

    {"format": …, "kinds": …, "reach": …, "lateness": …, "hash_key": …}    heads each segment
    ["t", hash of the id, time, units, label, name of each kind or null]   a new transaction
    ["l", hash of the id, time of the transaction, label]                  a label
    ["c", time]                                                            complete from then on

Once a line is written, the end of the process loses nothing. Power failure loses what is not synced
(fsync) yet: either every change waits for that, all that wait together for one, or it follows
within so many seconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import orjson

from features.stores.folder import head_line, segment_path, segments
from features.stores.memory import Record
from features.stores.store import StoreUnavailable
from features.stores.table import Head
from registry.atomic import atomic_write

_log = logging.getLogger(__name__)
SEGMENT_BYTES = 64 << 20
"""A segment of this size is closed: some 900,000 transactions."""
MAX_CLOSED = 16
"""Closed segments, as restarts leave them, before they are made into a snapshot."""


class Journal:
    """The segment that is written to, and the compaction of those before it."""

    def __init__(self, folder: Path, number: int, head: Head, *, sync_seconds: float) -> None:
        """Begin segment `number`. With 0 seconds, `waits` is true. Raises OSError."""
        self._folder, self._number, self._head = folder, number, head
        self._sync_seconds, self.waits = sync_seconds, not sync_seconds
        self._file, self._size = self._begin(number)
        self._limit = SEGMENT_BYTES
        self._is_torn = False
        self._written = self._synced = 0
        self._failure: OSError | None = None
        self._sync: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._compaction: subprocess.Popen[bytes] | None = None
        closed = [path.stat().st_size for each, path in segments(folder).items() if each < number]
        if sum(closed) >= SEGMENT_BYTES or len(closed) >= MAX_CLOSED:
            self._compact()

    def write(self, record: Record) -> None:
        """Write a record. Raises StoreUnavailable if nothing was, and ValueError for a name that
        cannot be written."""
        try:
            line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError as error:
            raise ValueError(f"an entity cannot be written as UTF-8: {error}") from error
        if self._failure is not None:
            raise self._unavailable(self._failure)
        try:
            if self._size >= self._limit:
                self._rotate()
            self._mend()
            written = os.write(self._file, line)
            while written < len(line):  # a disk that is almost full takes a part
                self._is_torn = True
                written += os.write(self._file, line[written:])
        except OSError as error:
            raise self._unavailable(error) from error
        self._is_torn = False
        self._size += len(line)
        self._written += len(line)
        if self._timer is None and self._sync_seconds:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._sync_seconds, self._sync_later)

    def begin(self, head: Head) -> None:
        """Go on in a segment of another head. Raises StoreUnavailable."""
        self._head = head
        try:
            self._rotate()
        except OSError as error:
            raise self._unavailable(error) from error

    async def synced(self) -> None:
        """Wait until all that was written is on disk: one fsync for all that wait.

        Raises StoreUnavailable: what was written may be on disk or not.
        """
        written = self._written
        while self._synced < written:
            if self._sync is None:
                self._sync = asyncio.ensure_future(self._fsync())
            await asyncio.shield(self._sync)
            if self._failure is not None:
                raise self._unavailable(self._failure)

    async def close(self) -> None:
        """Bring everything to the disk. Raises StoreUnavailable."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sync is not None:
            await self._sync
        if self._compaction is not None and self._is_compacting():
            self._compaction.kill()  # it is begun again by the next start
            self._compaction.wait()
        try:
            self._mend()
            os.fsync(self._file)
        except OSError as error:
            raise self._unavailable(error) from error
        finally:
            os.close(self._file)

    def _begin(self, number: int) -> tuple[int, int]:
        """A new segment, opened, and its size."""
        path, line = segment_path(self._folder, number), head_line(self._head)
        with atomic_write(path) as temporary:
            temporary.write_bytes(line)
        return os.open(path, os.O_WRONLY | os.O_APPEND), len(line)

    def _mend(self) -> None:
        """Cut off the part of a line that a full disk took."""
        if self._is_torn:
            os.ftruncate(self._file, self._size)
            self._is_torn = False

    def _rotate(self) -> None:
        """Close the segment and begin the next, if there is room for one."""
        self._mend()
        try:
            os.fsync(self._file)
        except OSError as error:
            self._failure = error
            raise
        self._synced = self._written
        try:
            file, size = self._begin(self._number + 1)
        except OSError as error:
            _log.warning("%s: no new segment of the journal: %s", self._folder, error)
            self._limit += SEGMENT_BYTES
            return
        os.close(self._file)
        self._file, self._size, self._limit = file, size, SEGMENT_BYTES
        self._number += 1
        self._compact()

    def _compact(self) -> None:
        """Let another process make a snapshot of all closed segments."""
        if self._is_compacting():
            return
        module = [sys.executable, "-m", "features.stores.compact"]
        try:
            self._compaction = subprocess.Popen(
                [*module, str(self._folder), str(self._number - 1)], stdin=subprocess.DEVNULL
            )
        except OSError as error:
            _log.warning("%s: no compaction: %s", self._folder, error)

    def _is_compacting(self) -> bool:
        """Whether a compaction runs. One that failed is logged, once."""
        if self._compaction is None:
            return False
        if (code := self._compaction.poll()) is None:
            return True
        self._compaction = None
        if code:
            _log.warning(
                "%s: compaction failed with exit code %d: the folder grows and starts take longer; "
                "see its own message, free memory or disk space, and start the service again",
                self._folder,
                code,
            )
        return False

    def _sync_later(self) -> None:
        self._timer = None
        if self._sync is None:
            self._sync = asyncio.ensure_future(self._fsync())
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._sync_seconds, self._sync_later)

    async def _fsync(self) -> None:
        self._is_compacting()
        written = self._written
        try:
            try:
                # A handle of its own: the segment may be closed meanwhile.
                handle = os.dup(self._file)
            except OSError:
                os.fsync(self._file)  # no more handles: here, while all others wait
            else:
                await asyncio.get_running_loop().run_in_executor(None, _sync_and_close, handle)
            self._synced = max(self._synced, written)
        except OSError as error:
            # The kernel may have dropped what it could not write: a second try would not tell.
            _log.error("%s: %s; start the service again", self._folder, error)
            self._failure = error
        finally:
            self._sync = None

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        hint = "; start the service again" if error is self._failure else ""
        return StoreUnavailable(f"the journal in {self._folder}: {error.strerror}{hint}")


def _sync_and_close(handle: int) -> None:
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
