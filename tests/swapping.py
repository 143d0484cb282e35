"""A file that is replaced between two reads, as by another process at the worst moment."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch


@contextmanager
def swapped_once_opened(below: Path, name: str, content: bytes) -> Iterator[list[Path]]:
    """Once the first file `name` below a folder was opened to be read, replace it with `content`.

    By renaming, so that what is open already does not change: only another read sees `content`.
    Yields the path, once it was swapped.
    """
    swapped: list[Path] = []

    def swapping(real: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, *arguments: Any, **named: Any) -> Any:
            handle = real(file, *arguments, **named)
            how = arguments[0] if arguments else named.get("mode", named.get("flags", "r"))
            if not swapped and not _writes(how) and isinstance(file, str | os.PathLike):
                path = Path(file)
                if path.name == name and path.is_relative_to(below):
                    swapped.append(path)
                    replace_file(path, content)
            return handle

        return opened

    with (
        patch.object(os, "open", swapping(os.open)),
        patch.object(io, "open", swapping(io.open)),
        patch.object(builtins, "open", swapping(builtins.open)),
    ):
        yield swapped


def _writes(how: str | int) -> bool:
    """Whether a mode of `open`, or the flags of `os.open`, are for writing."""
    if isinstance(how, str):
        return any(letter in how for letter in "wax+")
    return bool(how & (os.O_WRONLY | os.O_RDWR))


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that no reader finds half of it."""
    other = path.parents[1] / f"other-{path.name}"
    other.write_bytes(content)
    other.replace(path)
