"""A folder of files as a value: relative path and sha256 of each, compared with `==`."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from registry.errors import BytesMismatch, NotFound, on_one_line


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file, read in chunks so that its size does not matter."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def regular_files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder: its POSIX path relative to the folder, and its path.

    Raises NotFound if there is no such folder, and BytesMismatch for a link or a special file.
    """
    if not directory.is_dir():
        raise NotFound(f"no folder {directory.name!r} to read the model's files from")
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _not_regular(name)
        if path.is_file():
            yield name, path


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read it. Raises BytesMismatch for a link or a special file.

    It is checked after it was opened, because it may have been replaced since it was listed.
    O_NONBLOCK: opening a pipe would wait for its writer.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if path.is_symlink():
            raise _not_regular(path.name) from None
        raise
    file = os.fdopen(handle, "rb")
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return file
    file.close()
    raise _not_regular(path.name)


def _not_regular(name: str) -> BytesMismatch:
    reason = "is not a regular file; a model may not contain links"
    return BytesMismatch(f"{on_one_line(name)} {reason}")


@dataclass(frozen=True)
class Manifest:
    """The files of a model: POSIX path relative to its folder → hex sha256."""

    sha256: Mapping[str, str]

    @classmethod
    def of(cls, directory: Path) -> Manifest:
        """Hash every file below `directory`, in chunks so that its size does not matter.

        Only for files that are not used afterwards: for those that are, `read_files`. Raises what
        `regular_files` raises.
        """
        digests: dict[str, str] = {}
        for name, path in regular_files(directory):
            with open_regular(path) as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(digests)

    @property
    def digest(self) -> str:
        """One hex sha256 of the whole set, over the lines `DIGEST  PATH` in the order of paths."""
        lines = "".join(f"{self.sha256[name]}  {name}\n" for name in sorted(self.sha256))
        return sha256_of_bytes(lines.encode())

    def differences(self, actual: Manifest) -> tuple[str, ...]:
        """How `actual` differs from this manifest, one phrase per file; empty if they are equal."""
        expected, present = self.sha256, actual.sha256
        return (
            *(f"{name} is missing" for name in sorted(expected.keys() - present.keys())),
            *(f"{name} was added" for name in sorted(present.keys() - expected.keys())),
            *(
                f"{name} was changed"
                for name in sorted(expected.keys() & present.keys())
                if expected[name] != present[name]
            ),
        )

    def require(self, actual: Manifest, whose: str) -> None:
        """Raise BytesMismatch, naming each file, unless `actual` is exactly this manifest."""
        if differences := self.differences(actual):
            raise BytesMismatch(on_one_line(f"{whose}: {'; '.join(differences)}"))
