"""Files of records and of labels: in a folder, or mirrored from Blob Storage."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import polars as pl

from registry.atomic import PARTIAL
from registry.errors import UsageError, on_one_line
from registry.ledger.manifest import sha256_of_bytes
from registry.storage.address import is_blob_address, is_plain
from registry.storage.container import open_container
from registry.storage.data_files import PARQUET, is_csv, is_data_file

CACHE = Path(".local/data/records")
"""Copies of files in Blob Storage; may be deleted at any time."""


def data_files(source: str, cache: Path = CACHE) -> list[Path]:
    """The Parquet or CSV files of a file, a folder, or an address in Blob Storage, by their names.

    Files that are still being written (`partial-…`) or hidden are left out. Blobs are downloaded
    once. Raises UsageError where there is no file, or where there are both kinds, and what
    `Container` raises.
    """
    path = _mirrored(source, cache) if is_blob_address(source) else Path(source)
    if path.is_dir():
        found = [each for each in path.rglob("*") if _belongs(each.relative_to(path))]
        files = sorted(each for each in found if each.is_file())
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise UsageError(
            f"no Parquet or CSV files at {on_one_line(source)}: name a file, a folder of them, or "
            "its address in Blob Storage"
        )
    if len({is_csv(file) for file in files}) > 1:
        raise UsageError(f"{on_one_line(source)} holds both Parquet and CSV files: pass one kind")
    return files


def scan(files: list[Path]) -> pl.LazyFrame:
    """The rows of all files, lazily; the columns of CSV are text, blank ones null.

    A column that the first file has and others lack is null in these. What cannot be read raises
    pl.exceptions.PolarsError in a later step of the query.
    """
    if is_csv(files[0]):
        return pl.scan_csv(files, infer_schema=False)
    return pl.scan_parquet(
        files, hive_partitioning=False, missing_columns="insert", extra_columns="ignore"
    )


def first_line(error: Exception) -> str:
    """Of the message of a library, which may quote what is in a file."""
    return on_one_line((str(error).splitlines() or [type(error).__name__])[0])


def _belongs(path: PurePosixPath | Path) -> bool:
    return (
        is_data_file(path)
        and path.suffix.lower() in (*PARQUET, ".csv", ".gz", ".zst", ".tsv")
        and not path.name.startswith(PARTIAL)
    )


def _mirrored(address: str, cache: Path) -> Path:
    """The local copy of a blob or of a folder of blobs, whose content never changes.

    Unlike a data set, records grow: only what is not there yet is downloaded.
    """
    folder = cache / sha256_of_bytes(address.encode())[:16]
    with open_container(address) as container:
        for blob in container.list():
            if not _belongs(PurePosixPath(blob.name)):
                continue
            if not is_plain(blob.name):
                raise UsageError(f"{on_one_line(blob.name)!r} cannot be a file's path")
            target = folder / blob.name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                container.download(blob.name, target)
    return folder
