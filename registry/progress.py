"""Progress and warnings of a command, on standard error so that piped output stays clean."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def warn(message: str) -> None:
    """Report a problem that does not undo what the command did."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


@contextmanager
def step(operation: str) -> Iterator[None]:
    """Print an operation while it runs, and its duration in seconds once it is done."""
    print(f"· {operation} …", end="", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", file=sys.stderr, flush=True)
        raise
    print(f" {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)
