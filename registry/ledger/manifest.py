"""A folder of files as a value: relative path and sha256 of each, compared with `==`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.errors import BytesMismatch, NotFound, on_one_line


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file, read in chunks so that its size does not matter."""
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

        Raises NotFound if there is no such folder, and BytesMismatch for a link or a special file:
        its content could change after it was hashed.
        """
        if not directory.is_dir():
            raise NotFound(f"no folder {directory.name!r} to read the model's files from")
        digests: dict[str, str] = {}
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BytesMismatch(
                    f"{on_one_line(name)} is not a regular file; a model may not contain links"
                )
            if path.is_file():
                digests[name] = sha256_of(path)
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
