"""A folder of files as a value: relative path and sha256 of each, compared with `==`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.errors import BytesMismatch, NotFound, on_one_line


def sha256_of(path: Path) -> str:
    """Hex sha256 over the whole file, read in pieces so that its size does not matter."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """The files of a model: POSIX path relative to its folder → hex sha256."""

    sha256: Mapping[str, str]

    @classmethod
    def of(cls, directory: Path) -> Manifest:
        """Hash every file below `directory`.

        Raises NotFound where there is no such folder, and BytesMismatch for a link or a special
        file: what it points at could change after it was judged.
        """
        if not directory.is_dir():
            raise NotFound(f"no folder {directory.name!r} to read the model's files from")
        found: dict[str, str] = {}
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BytesMismatch(
                    f"{on_one_line(name)} is not a regular file; a model may hold no links"
                )
            if path.is_file():
                found[name] = sha256_of(path)
        return cls(found)

    @property
    def digest(self) -> str:
        """One hex sha256 for the whole set: over a line `DIGEST  PATH` a file, in order of path."""
        lines = "".join(f"{self.sha256[name]}  {name}\n" for name in sorted(self.sha256))
        return sha256_of_bytes(lines.encode())

    def differences(self, actual: Manifest) -> tuple[str, ...]:
        """How `actual` departs from this manifest, one phrase a file; empty when they are equal."""
        expected, got = self.sha256, actual.sha256
        return (
            *(f"{name} is missing" for name in sorted(expected.keys() - got.keys())),
            *(f"{name} was added" for name in sorted(got.keys() - expected.keys())),
            *(
                f"{name} was changed"
                for name in sorted(expected.keys() & got.keys())
                if expected[name] != got[name]
            ),
        )

    def require(self, actual: Manifest, whose: str) -> None:
        """Raise BytesMismatch, naming each file, unless `actual` is exactly this manifest."""
        if differences := self.differences(actual):
            raise BytesMismatch(on_one_line(f"{whose}: {'; '.join(differences)}"))
