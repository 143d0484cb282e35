"""Atomic file writes: after a crash there is the old file or the new one, never a part of it.

And a lock: of two processes that change a file, the second starts from what the first wrote.
"""

from __future__ import annotations

import fcntl
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
    temporary = path.with_name(f"{PARTIAL}{path.name}-{secrets.token_hex(4)}")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
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


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
