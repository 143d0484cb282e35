"""The places of artifacts, for backups: a folder, or blobs in Azure, listed and copied alike."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from registry.atomic import atomic_write
from registry.errors import NotFound, UsageError
from registry.ledger.manifest import sha256_of
from registry.storage.address import is_blob_address, is_plain
from registry.storage.container import Container, open_container


@dataclass(frozen=True)
class Stored:
    """A file as its place lists it: while `etag` stays the same, so does the content."""

    name: str
    size: int
    etag: str


class Root(Protocol):
    """The files below an address; names are relative to it."""

    def list(self) -> Iterator[Stored]:
        """All files. Raises NotFound for a missing place, and, as the other methods do, other
        RegistryErrors and OSError.
        """

    def download(self, name: str, path: Path) -> str:
        """Copy a file to `path`; return its hex sha256."""

    def upload(self, path: Path, name: str) -> None:
        """Copy a file here. Raises UsageError where there is one with other content."""


class _Blobs:
    def __init__(self, container: Container) -> None:
        self._container = container

    def list(self) -> Iterator[Stored]:
        for blob in self._container.list():
            yield Stored(blob.name, blob.size, blob.etag)

    def download(self, name: str, path: Path) -> str:
        return self._container.download(name, path)

    def upload(self, path: Path, name: str) -> None:
        self._container.upload(path, name)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self) -> Iterator[Stored]:
        if not self._folder.is_dir():
            raise NotFound(f"{self._folder} is not a folder; is its disk mounted?")
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                found = path.stat()
                name = path.relative_to(self._folder).as_posix()
                yield Stored(name, found.st_size, f"{found.st_mtime_ns}-{found.st_ino}")

    def download(self, name: str, path: Path) -> str:
        with atomic_write(path) as temporary:
            shutil.copyfile(self._folder / name, temporary)
            return sha256_of(temporary)

    def upload(self, path: Path, name: str) -> None:
        if not is_plain(name):
            raise UsageError(f"the backup names a file outside its folder: {name}")
        target = self._folder / name
        if target.exists():
            if sha256_of(target) != sha256_of(path):
                raise UsageError(f"{target} has other content; restore into an empty folder")
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            shutil.copyfile(path, temporary)


def open_root(address: str) -> Root:
    """The files at an address, or in a folder. Raises UsageError for a wrong address."""
    if is_blob_address(address):
        return _Blobs(open_container(address))
    if "://" in address and not address.startswith("file://"):
        raise UsageError(f"{address}: only folders and Azure Blob Storage can be backed up")
    is_url = address.startswith("file://")
    return _Folder(Path(unquote(urlsplit(address).path) if is_url else address))
