"""Atomic file writes: after a crash there is the old file or the new one, never a part of it.

And a lock: of two processes that change a file, the second starts from what the first wrote.
"""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = "partial-"
"""Prefix of temporary names; only a process that was killed leaves such a file behind."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file to write to; it replaces `path` when the block ends.

    The temporary file lies in the folder of `path`, and has the permissions of any new file. Its
    bytes and its name are on disk (fsync) before this returns. After an exception `path` is as it
    was, and the temporary file is deleted. Raises OSError where a step fails.
    """
    temporary, handle = _create_temporary(path, 0o666)
    os.close(handle)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time change `path`: the others wait until its block ends.

    The lock is on the folder of `path` (flock), so that it leaves no file behind, holds for a file
    that is replaced, and ends with the process that holds it. Raises OSError.
    """
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_temporary(path: Path, content: bytes, mode: int = 0o666) -> Path:
    """Write what is to become the new file `path`, under a temporary name; return that name.

    Bytes and name are on disk before this returns; `publish` then gives the file its own name.
    Raises OSError where a step fails, and then leaves nothing behind.
    """
    temporary, handle = _create_temporary(path, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _sync(temporary)
        _sync(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def publish(temporary: Path, path: Path) -> None:
    """Give a file that `write_temporary` wrote its own name, on disk before this returns.

    It replaces nothing: raises FileExistsError if there is a file of that name, and any other
    OSError, such as where the file system has no hard links.
    """
    os.link(temporary, path)
    temporary.unlink(missing_ok=True)
    _sync(path.parent)


def temporary_names(path: Path) -> list[Path]:
    """The temporary files for `path` in its folder: of processes that were killed, or that run."""
    return sorted(path.parent.glob(f"{PARTIAL}{glob.escape(path.name)}-*"))


def _create_temporary(path: Path, mode: int) -> tuple[Path, int]:
    """A new empty file beside `path`, and its handle."""
    temporary = path.with_name(f"{PARTIAL}{path.name}-{secrets.token_hex(4)}")
    return temporary, os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
