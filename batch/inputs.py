"""The input: the files that a path, a glob or an address names, which have the same columns."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from batch.files import InputFile
from registry.errors import UsageError, on_one_line
from registry.storage.address import BlobAddress, is_blob_address
from registry.storage.data_files import is_data_file
from registry.storage.downloads import downloaded

CACHE = Path(".local/data/blobs")
"""Copies of data in Blob Storage; may be deleted at any time."""


def input_files(source: str) -> list[InputFile]:
    """The files that a path, a glob, or an address in Blob Storage names, sorted by their paths.

    Files of a folder whose names start with `.` or `_` are left out. Raises UsageError where there
    are none, or Parquet and CSV files, and what `downloaded` raises.
    """
    path = downloaded(source, CACHE) if is_blob_address(source) else Path(source)
    if path.is_dir():
        found = [each for each in path.rglob("*") if is_data_file(each.relative_to(path))]
        files = [InputFile(each, each.relative_to(path).as_posix()) for each in found]
    elif path.exists():
        files = [InputFile(path, path.name)]
    else:
        files = [InputFile(Path(each), each) for each in glob.glob(source, recursive=True)]  # noqa: PTH207
    files = sorted((file for file in files if file.path.is_file()), key=lambda file: file.name)
    if not files:
        raise UsageError(
            f"no data at {on_one_line(source)}; pass a Parquet or CSV file, a folder or a glob of "
            "such files, or an address in Blob Storage"
        )
    if len({file.is_csv for file in files}) > 1:
        raise UsageError(f"{on_one_line(source)} names both Parquet and CSV files: pass one kind")
    return files


def check_columns(files: Sequence[InputFile], required: Collection[str]) -> None:
    """Raises UsageError for a required column that a file lacks, or has with another type than the
    first.
    """
    schemas = [file.schema() for file in files]
    for file, schema in zip(files, schemas, strict=True):
        for name in required:
            if name not in schema.names:
                shown = on_one_line(", ".join(schema.names))
                raise UsageError(f"{file.shown} has no column {name!r}; its columns are {shown}")
            if schema.field(name).type != schemas[0].field(name).type:
                raise UsageError(
                    f"column {name!r} is of type {schema.field(name).type} in {file.shown}, but "
                    f"{schemas[0].field(name).type} in {files[0].shown}: write both as one type"
                )


def digests(files: Iterable[InputFile]) -> dict[str, str]:
    """The sha256 of each file, by its name."""
    return {file.name: file.sha256() for file in files}


def is_below(place: str, folder: str) -> bool:
    """Whether a path or an address is that of a folder, or of something in it."""
    if is_blob_address(place) != is_blob_address(folder):
        return False
    if not is_blob_address(place):
        return Path(place).resolve().is_relative_to(Path(folder).resolve())
    inner, outer = BlobAddress.parse(place), BlobAddress.parse(folder)
    return replace(inner, path="") == replace(outer, path="") and PurePosixPath(
        inner.path
    ).is_relative_to(outer.path)
