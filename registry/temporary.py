"""Temporary folders that are gone at the end, also of a command that was stopped."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A new folder, deleted when the block ends.

    Unlike `tempfile.TemporaryDirectory`, it may still be written to then: where the block was
    stopped, threads of MLflow's client go on with their downloads. What these leave is deleted at
    the end of the process, once they have ended. Raises OSError if there is no room for the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    except BaseException:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
