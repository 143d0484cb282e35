"""The files of a data set: their names, digests and formats, and the named columns of each."""

from __future__ import annotations

import codecs
import csv
import difflib
import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pyarrow as pa

from registry.errors import on_one_line
from registry.ledger.manifest import sha256_of
from registry.storage.data_files import (
    COMPRESSIONS,
    PARQUET,
    is_csv,
    is_data_file,
    uncompressed,
)
from training.errors import BadInput

_SEPARATORS = ",;\t|"
_HEADER_BYTES = 1 << 16
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class DataFile:
    """One file of a data set. `root` is the file itself, or the folder that holds the data set.

    Folders below `root` that are called `column=value` are columns of text, as Hive writes them.
    """

    path: Path
    root: Path
    encoding: str | None = None

    def columns(self) -> list[str]:
        """The names of the columns, without reading the rows. Raises BadInput."""
        with self._errors():
            names = self._header()[0] if is_csv(self.path) else _parquet_columns(self.path)
        return [*names, *(name for name in self._partitions() if name not in names)]

    def read(self, names: Sequence[str]) -> pl.DataFrame:
        """The columns of these names: from CSV as text, from Parquet as typed. Raises BadInput."""
        partitions, columns = self._partitions(), set(self.columns())
        inside = [name for name in names if name in columns and name not in partitions]
        with self._errors():
            if is_csv(self.path):
                frame = self._read_csv(inside)
            else:
                frame = pl.read_parquet(
                    self.path, columns=inside, glob=False, hive_partitioning=False
                )
        return frame.with_columns(
            pl.lit(value, pl.String).alias(name)
            for name, value in partitions.items()
            if name in names
        )

    def _read_csv(self, names: Sequence[str]) -> pl.DataFrame:
        _, separator, encoding = self._header()
        source: Path | bytes = self.path
        if encoding != "utf-8-sig":
            source = self._open().read().decode(encoding).encode()
        # In batches of whole rows: Polars ignores surplus fields where it reads only some columns.
        batches = pl.scan_csv(
            source, separator=separator, infer_schema=False, glob=False
        ).collect_batches(maintain_order=True)
        is_blank = pl.all_horizontal(pl.all().is_null())
        parts = [batch.filter(~is_blank).select(names) for batch in batches]
        return pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(names, pl.String))

    def _header(self) -> tuple[list[str], str, str]:
        """The names in the first line, the separator and the encoding."""
        head = self._open().read(_HEADER_BYTES)
        encoding = self.encoding or "utf-8"
        if codecs.lookup(encoding).name == "utf-8":
            encoding = "utf-8-sig"
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            encoding = "utf-16"
        # The last character of the piece may be incomplete, and only the first line is used.
        lines = head.decode(encoding, errors="ignore").lstrip("\r\n")
        if not lines.strip():
            raise pl.exceptions.NoDataError("empty CSV")
        if "\0" in lines.splitlines()[0]:
            raise self._other_encoding("utf-16-le")
        separators = "\t" if uncompressed(self.path).suffix.lower() == ".tsv" else _SEPARATORS
        headers = [(next(csv.reader(io.StringIO(lines), delimiter=x)), x) for x in separators]
        names, separator = max(headers, key=lambda header: len(header[0]))
        return names, separator, encoding

    def _open(self) -> pa.NativeFile:
        compression = COMPRESSIONS.get(self.path.suffix.lower())
        return pa.input_stream(str(self.path), compression=compression)

    def _partitions(self) -> dict[str, str | None]:
        if self.path == self.root:
            return {}
        folders = self.path.parent.relative_to(self.root).parts
        pairs = [folder.split("=", 1) for folder in folders if "=" in folder]
        return {
            unquote(name): None if value == _NULL_PARTITION else unquote(value)
            for name, value in pairs
        }

    @contextmanager
    def _errors(self) -> Iterator[None]:
        name = self.path.name
        try:
            yield
        except UnicodeDecodeError as error:
            raise self._other_encoding("latin-1") from error
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            reason = on_one_line((str(error).splitlines() or ["unreadable"])[0])
            if "invalid utf-8" in reason:
                raise self._other_encoding("latin-1") from error
            kind = "CSV" if is_csv(self.path) else "Parquet"
            unnamed = kind == "Parquet" and self.path.suffix.lower() not in PARQUET
            hint = "; a text file needs a name that ends in .csv, .tsv or .txt" if unnamed else ""
            raise BadInput(f"{name} cannot be read as {kind}: {reason}{hint}") from error

    def _other_encoding(self, example: str) -> BadInput:
        return BadInput(
            f"{self.path.name} is not text in {self.encoding or 'UTF-8'}: set `encoding` in the "
            f"data-set file to the one that it is in, such as `{example}`"
        )


def data_files(path: Path, encoding: str | None = None) -> list[DataFile]:
    """The file itself, or those of a folder and of the folders in it, sorted by their paths.

    Names that start with `.` or `_`, as of Spark's own files, and `.txt` are left out. Raises
    BadInput where there are no files, or Parquet and CSV files: one may be a copy of the other.
    """
    if not path.is_dir():
        return [DataFile(path, path, encoding)]
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and is_data_file(file.relative_to(path))
    ]
    if not files:
        raise BadInput(f"folder {path} contains no .parquet and no .csv file")
    if len({is_csv(file) for file in files}) > 1:
        raise BadInput(f"folder {path} contains both Parquet and CSV files: pass one kind")
    return [DataFile(file, path, encoding) for file in files]


def sha256_of_data(path: Path) -> str:
    """Of the whole file; of a folder, of the paths and digests of its files, sorted by path."""
    if path.is_file():
        return sha256_of(path)
    files = [file.path for file in data_files(path)]
    lines = "".join(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _parquet_columns(path: Path) -> list[str]:
    with path.open("rb") as file:  # by its name, Polars would expand `*` and `[`
        return list(pl.read_parquet_schema(file))


def check_columns(found: Sequence[str], required: Collection[str]) -> None:
    """Raises BadInput for a required column that is missing or ambiguous."""
    if missing := [name for name in required if name not in found]:
        similar = difflib.get_close_matches(missing[0], found, n=1)
        hint = f"did you mean {similar[0]!r}? " if similar else ""
        raise BadInput(
            f"the data has no column {missing[0]!r}, which the data-set file requires; {hint}"
            f"its columns are {on_one_line(', '.join(found))}"
        )
    if repeated := [name for name in required if found.count(name) > 1]:
        raise BadInput(f"the data has several columns {repeated[0]!r}: rename all but one")
