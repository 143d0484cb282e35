"""Where Parquet files of prediction records go: a folder, or a container of Azure Blob Storage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from registry.atomic import atomic_write, temporary_names
from registry.storage.address import is_blob_address
from registry.storage.container import open_container


class Destination(Protocol):
    """Keeps files under names that are given once."""

    def upload(self, path: Path, name: str) -> None:
        """Keep a copy of a file, whole or not at all; nothing happens where the name exists.

        Raises OSError or a RegistryError where it cannot.
        """


class Folder:
    """A folder that exists, so that nothing is stored below an absent mount point."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def upload(self, path: Path, name: str) -> None:
        """Raises OSError."""
        if not self._folder.is_dir():
            raise FileNotFoundError(f"the folder {self._folder} does not exist")
        destination = self._folder / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        for leftover in temporary_names(destination):
            leftover.unlink(missing_ok=True)
        if not destination.exists():
            with atomic_write(destination) as temporary:
                shutil.copyfile(path, temporary)


def open_destination(address: str) -> Destination:
    """The destination that FRAUD_RECORDS_TO names. Raises UsageError for a wrong address."""
    return open_container(address) if is_blob_address(address) else Folder(Path(address))
