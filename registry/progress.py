"""What a command says beside its answer, on standard error so that a pipe stays clean."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def warn(words: str) -> None:
    """Say what went wrong beside a thing that was done."""
    print(f"warning: {words}", file=sys.stderr, flush=True)


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Print what is being done and, once it is done, the seconds it took."""
    print(f"· {doing} …", end="", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", file=sys.stderr, flush=True)
        raise
    print(f" {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)
