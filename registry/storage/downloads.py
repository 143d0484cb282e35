"""Data sets in Azure Blob Storage: downloaded once, into a cache of this machine."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from registry.atomic import locked, temporary_names
from registry.errors import NotFound, UsageError, on_one_line
from registry.ledger.manifest import sha256_of_bytes
from registry.progress import transfer_progress
from registry.storage.address import BlobAddress, is_plain
from registry.storage.container import Blob, Container, open_container
from registry.storage.data_files import is_data_file


def downloaded(address: str, cache: Path) -> Path:
    """The local copy of a file, or of a folder's Parquet and CSV files, in Blob Storage.

    It lies below `cache`, in a folder of its own for each state of the data: what was downloaded is
    not downloaded again, and data that was changed is. Raises UsageError where there is no data, or
    no room for it, and what `Container` raises.
    """
    source = BlobAddress.parse(address)
    with open_container(source.parent) as parent:
        root, blobs = source.name or source.container, _list(parent, source)
        if not blobs:
            raise UsageError(
                f"there is no blob {source}, and no Parquet or CSV file in a folder of that name; "
                "check the address"
            )
        state = "".join(f"{blob.name} {blob.sha256 or blob.etag}\n" for blob in blobs.values())
        folder = cache / sha256_of_bytes(f"{source}\n{state}".encode())[:16]
        targets = {folder / root / name: blob for name, blob in blobs.items()}
        try:
            _download(parent, {path: blob for path, blob in targets.items() if not path.exists()})
        except OSError as error:
            raise UsageError(
                f"{source} cannot be downloaded to {folder.absolute()}: {error.strerror}"
            ) from error
    return folder / root


def _list(parent: Container, source: BlobAddress) -> dict[str, Blob]:
    """The blobs by their path in the folder; for a single file, the path is empty."""
    if source.path:
        try:
            return {"": parent.properties(source.name)}
        except NotFound:  # it may be a folder
            pass
    prefix = f"{source.name}/" if source.path else ""
    listed = {blob.name.removeprefix(prefix): blob for blob in parent.list(source.name)}
    found = {name: blob for name, blob in listed.items() if is_data_file(PurePosixPath(name))}
    for name in found:
        if not is_plain(name):
            raise UsageError(
                f"{source} contains {on_one_line(name)!r}, which cannot be a file's path"
            )
    return found


def _download(parent: Container, missing: dict[Path, Blob]) -> None:
    show, size, done = transfer_progress(), sum(blob.size for blob in missing.values()), 0
    for path, blob in missing.items():

        def report(of_blob: int, _: int, before: int = done) -> None:
            show(before + of_blob, size)

        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):  # another process may want the same data
            if not path.exists():
                for left in temporary_names(path):
                    left.unlink()
                parent.download(blob.name, path, report)
        done += blob.size
