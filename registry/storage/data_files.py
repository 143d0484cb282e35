"""Which files hold data, by their names."""

from __future__ import annotations

from pathlib import PurePath

_CSV = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".parq", ".pq")
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


def is_data_file(path: PurePath) -> bool:
    """Whether a file belongs to the data, by its path in the folder that holds the data set."""
    return (
        (is_csv(path) or path.suffix.lower() in PARQUET)
        and path.suffix.lower() != ".txt"
        and not any(part.startswith((".", "_")) for part in path.parts)
    )


def is_csv(path: PurePath) -> bool:
    """Whether the name is that of a text file with separators, compressed or not."""
    return uncompressed(path).suffix.lower() in _CSV


def uncompressed(path: PurePath) -> PurePath:
    """The path without the ending of a compression."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
