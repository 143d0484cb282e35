"""Data sets in Azure Blob Storage: downloaded once, into a cache of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path, PurePosixPath

from registry.atomic import locked, temporary_names
from registry.errors import NotFound, UsageError, on_one_line
from registry.ledger.manifest import sha256_of_bytes
from registry.progress import transfer_progress
from registry.storage.address import BlobAddress, is_plain
from registry.storage.container import Blob, Container, open_container
from registry.storage.data_files import is_data_file


def downloaded(address: str, cache: Path) -> Path:
    """The local copy of a file in Blob Storage, or of the Parquet and CSV files of a folder there
    or of a glob.

    It lies below `cache`, in a folder of its own for each state of the data: what was downloaded is
    not downloaded again, and data that was changed is. Raises UsageError where there is no data, or
    no room for it, and what `Container` raises.
    """
    given = BlobAddress.parse(address)
    for source, pattern in _places(given):
        with open_container(source.parent) as parent:
            blobs = _list(parent, source, pattern)
            if blobs:
                return _downloaded(parent, given, source.name or source.container, blobs, cache)
    raise UsageError(
        f"there is no blob {given}, and no Parquet or CSV file in a folder of that name; check the "
        "address"
    )


def _places(given: BlobAddress) -> Iterator[tuple[BlobAddress, str]]:
    """Where to look: at the address, and in the folder below which it is a glob, if it is one."""
    yield given, "**"
    parts = given.path.split("/")
    fixed = next((place for place, part in enumerate(parts) if has_magic(part)), len(parts))
    if fixed < len(parts):
        yield replace(given, path="/".join(parts[:fixed])), "/".join(parts[fixed:])


def _downloaded(
    parent: Container, given: BlobAddress, root: str, blobs: Mapping[str, Blob], cache: Path
) -> Path:
    state = "".join(f"{blob.name} {blob.sha256 or blob.etag}\n" for blob in blobs.values())
    folder = cache / sha256_of_bytes(f"{given}\n{state}".encode())[:16]
    targets = {folder / root / name: blob for name, blob in blobs.items()}
    try:
        _download(parent, {path: blob for path, blob in targets.items() if not path.exists()})
    except OSError as error:
        raise UsageError(
            f"{given} cannot be downloaded to {folder.absolute()}: {error.strerror}"
        ) from error
    return folder / root


def _list(parent: Container, source: BlobAddress, pattern: str) -> dict[str, Blob]:
    """The blobs by their path in the folder; for a single file, the path is empty."""
    if source.path and pattern == "**":
        try:
            return {"": parent.properties(source.name)}
        except NotFound:  # it may be a folder
            pass
    prefix = f"{source.name}/" if source.path else ""
    listed = {blob.name.removeprefix(prefix): blob for blob in parent.list(source.name)}
    found = {
        name: blob
        for name, blob in listed.items()
        if is_data_file(PurePosixPath(name)) and _matches(name.split("/"), pattern.split("/"))
    }
    for name in found:
        if not is_plain(name):
            raise UsageError(
                f"{source} contains {on_one_line(name)!r}, which cannot be a file's path"
            )
    return found


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """As `glob.glob` matches with `recursive=True`: `**` stands for any number of folders."""
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_matches(parts[start:], patterns[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])


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
