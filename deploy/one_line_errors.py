"""How a command of this package ends where a user can do something about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from registry.errors import RegistryError, on_one_line


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the process on a RegistryError: one line on standard error, and its exit code."""
    try:
        yield
    except RegistryError as error:
        print(f"error: {on_one_line(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
