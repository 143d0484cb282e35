"""The files of a spool: each is one step of the same records on their way to the destination.

  NAME.open     lines of JSON, which a worker appends; it holds a lock on the file (flock)
  NAME.jsonl    sealed: nobody appends to it any more
  NAME.parquet  the same records; where it exists, NAME.jsonl does not count

At any moment one of them counts, and so a crash between two steps repeats a step and no record.
NAME is `HOUR_VERSION_POD-MILLISECONDS-RANDOM`, and the name at the destination follows from it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import secrets
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import gmtime, strftime

from registry.atomic import locked

OPEN, SEALED, CONVERTED = ".open", ".jsonl", ".parquet"
SECONDS_PER_HOUR = 3600
_NAME = re.compile(r"(\d{4,}-\d\d-\d\dT\d\d)_(\d+)_([A-Za-z0-9.-]+-(\d+)-[0-9a-f]{16})")


@dataclass(frozen=True)
class SpoolFile:
    """A file of the spool, as its name describes it."""

    path: Path
    since: float
    """When its first record was made: Unix time in seconds."""
    destination: str
    """The name of its Parquet file: `hour=2026-11-28T08/version=7/POD-….parquet`, in UTC."""


def new_name(time: float, version: int) -> str:
    """A name that nothing else has, for records of the hour of `time` and a ledger version."""
    hour = strftime("%Y-%m-%dT%H", gmtime(time))
    pod = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "pod"
    return f"{hour}_{version}_{pod}-{int(time * 1000)}-{secrets.token_hex(8)}"


def spool_files(folder: Path, *steps: str) -> list[SpoolFile]:
    """The files of some steps in order of their names; files of others are left out.

    Raises OSError where the folder cannot be read.
    """
    return sorted(_found(folder, steps), key=lambda file: file.path.name)


def _found(folder: Path, steps: Sequence[str]) -> Iterator[SpoolFile]:
    for path in folder.iterdir():
        if path.suffix in steps and (match := _NAME.fullmatch(path.stem)):
            hour, version, name, milliseconds = match.groups()
            destination = f"hour={hour}/version={version}/{name}{CONVERTED}"
            yield SpoolFile(path, int(milliseconds) / 1000, destination)


class OpenFile:
    """A file to which this process alone appends, until it is closed."""

    def __init__(self, path: Path, *, is_new: bool) -> None:
        """Create the file, or take over one whose process has ended.

        Raises BlockingIOError where that process lives, and other OSErrors.
        """
        self.path = path
        with locked(path):  # nobody takes it over between its creation and its lock
            flags = os.O_CREAT | os.O_EXCL if is_new else 0
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | flags, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.close()
                raise
        self.size = os.fstat(self._descriptor).st_size

    def append(self, text: bytes) -> None:
        """Append all of it, or nothing and raise OSError."""
        rest = memoryview(text)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(text)

    def cut_partial_line(self) -> bool:
        """Cut off what follows the last line break; return whether there was anything."""
        end = 0
        if self.size:  # an empty file cannot be mapped
            with mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) as content:
                end = content.rfind(b"\n") + 1
        is_partial = end < self.size
        if is_partial:
            os.ftruncate(self._descriptor, end)
            self.size = end
        return is_partial

    def seal(self) -> None:
        """Bring the bytes to the disk and end the appending; an empty file is deleted.

        Raises OSError; the file can then be sealed later.
        """
        if self.size:
            os.fsync(self._descriptor)
            self.path.rename(self.path.with_suffix(SEALED))
        else:
            self.path.unlink()

    def close(self) -> None:
        """Give the file up: a file that is not sealed can be taken over from now on."""
        os.close(self._descriptor)
