"""The files of a folder in memory, each read once: the bytes that are hashed are those used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from registry.errors import BytesMismatch, on_one_line
from registry.ledger.manifest import Manifest, open_regular, regular_files, sha256_of_bytes

MAX_MODEL_BYTES = 2 * 2**30
"""All files of a model together. No ONNX file is larger: protobuf's own limit."""


class Files(Mapping[str, bytes]):
    """POSIX path relative to the folder → content.

    A file can be replaced between two reads, so what was hashed is never read again. A hard link
    needs no check for the same reason: who writes to it later changes nothing here.
    """

    def __init__(self, content: Mapping[str, bytes]) -> None:
        """Raises BytesMismatch for a path that leads out of the folder."""
        for name in content:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\0" in name or not path.parts:
                raise BytesMismatch(f"{on_one_line(name)!r} is a path outside the folder")
        self._content = dict(content)

    def __getitem__(self, name: str) -> bytes:
        return self._content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    @cached_property
    def manifest(self) -> Manifest:
        """The digests of these very bytes."""
        return Manifest({name: sha256_of_bytes(self[name]) for name in self})

    def write(self, folder: Path) -> None:
        """Write all files below `folder`, which is created if necessary. Raises OSError."""
        for name, content in self.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def read_files(folder: Path, max_bytes: int) -> Files:
    """Read every file below `folder`.

    Raises BytesMismatch for a link, a special file, or more than `max_bytes` together, NotFound
    if there is no such folder, and OSError.
    """
    content: dict[str, bytes] = {}
    bytes_left = max_bytes
    for name, path in regular_files(folder):
        content[name] = read_file(path, bytes_left)
        bytes_left -= len(content[name])
    return Files(content)


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read one file. Raises BytesMismatch for a link, a special file, or more than `max_bytes`."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise BytesMismatch(
                f"{on_one_line(path.name)} is larger than the {max_bytes:,} bytes that it may have"
            )
        return file.read(size)  # and not to the end, which another process may move meanwhile
