"""Progress and warnings of a command, on standard error so that piped output stays clean."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
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


def transfer_progress() -> Callable[[int, int], None]:
    """A function to call with the bytes done and all bytes, which shows them on a terminal.

    They are on a line of their own, which the duration of the `step` around it ends.
    """
    start = "\n"

    def show(done: int, size: int) -> None:
        nonlocal start
        if sys.stderr.isatty():
            text = f"{start}  {done / 1e6:,.1f} of {size / 1e6:,.1f} MB"
            print(text, end="", file=sys.stderr, flush=True)
            start = "\r"

    return show
