"""Reading transactions: from the user's files to one checked table with the features added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from features.amounts import MAX_AMOUNT, UNITS, units_of_all
from features.definitions import reads_amount
from features.offline import add_calendar, add_history
from registry.atomic import atomic_write
from registry.ledger.manifest import sha256_of
from registry.storage.address import is_blob_address
from registry.storage.downloads import downloaded
from training import simulate
from training.columns import as_label, as_number, as_text, in_row, rows
from training.dataset import Dataset
from training.errors import BadInput
from training.files import DataFile, check_columns, data_files, sha256_of_data
from training.times import as_time, check_span

_ROUNDING = 1e-6
"""What an amount with 4 decimals may differ from its nearest 1/10,000, for lack of precision."""
CACHE = Path(".local/data")
"""The simulated data, and copies of data in Blob Storage; may be deleted at any time."""
SIMULATED = "simulated"
SIMULATION_SEED = 20260101
"""Seed of the embedded data, fixed so that runs with different `seed` see the same transactions."""


@dataclass(frozen=True)
class Data:
    """Transactions in order of time: the model's inputs, and the label and time of the file.

    `notes` tell what a reader may not expect of the data, such as rows without an entity.
    """

    frame: pl.DataFrame
    dataset: Dataset
    path: Path
    sha256: str
    notes: tuple[str, ...] = ()
    zoned: bool = False
    """Whether the times of the file say, or the data-set file, what they are in UTC."""
    address: str = ""
    """In Blob Storage, of data that was downloaded from there; `path` is then that of the copy."""

    def labels(self, part: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        return part[self.dataset.label].to_numpy()


def read_data(source: str, dataset: Dataset, cache: Path = CACHE) -> Data:
    """Read a Parquet or CSV file, a folder of either, or `simulated`; add the features.

    As `read_transactions`, then `with_features`.
    """
    return with_features(read_transactions(source, dataset, cache))


def read_transactions(source: str, dataset: Dataset, cache: Path = CACHE) -> Data:
    """Read a Parquet or CSV file, a folder of either, or `simulated`, without features.

    A file or folder may be an address in Blob Storage: its copy in the cache is read.

    The result is sorted by time, which is in UTC where the data says so; numbers are Float64 with
    null where missing, categories and entities are text, and the label is Int8, with null where it
    is not known yet. Raises BadInput naming the file or column, the value and its row, and what
    `downloaded` raises.
    """
    path = _simulated_file(cache) if source == SIMULATED else local_path(source, cache)
    if not path.exists():
        raise BadInput(
            f"no data at {path.absolute()}; pass a Parquet or CSV file, a folder of such files, "
            f"its address in Blob Storage, or `{SIMULATED}`"
        )
    # On both sides of the read: one digest might be of a file that was replaced since or before,
    # and the bytes themselves would take memory beside the table.
    sha256 = sha256_of_data(path)
    typed = _read(path, dataset)
    zoned = typed.schema[dataset.time.column] == pl.Datetime("us", "UTC")
    frame = _checked(path, typed, dataset)
    if sha256_of_data(path) != sha256:
        raise BadInput(f"{path.name} changed while it was read; run again once it is complete")
    frame = _in_order_of_time(frame, dataset.time.column)
    address = source if is_blob_address(source) else ""
    return Data(frame, dataset, path, sha256, tuple(_notes(frame, dataset)), zoned, address)


def local_path(source: str, cache: Path = CACHE) -> Path:
    """Where the files of a data set are on this machine; those of Blob Storage are downloaded.

    Raises what `downloaded` raises.
    """
    return downloaded(source, cache / "blobs") if is_blob_address(source) else Path(source)


def with_features(data: Data) -> Data:
    """The same with the features added, but without the rows whose label is not known yet.

    Those count in the histories of others, as transactions that are not known to be frauds.
    """
    dataset, time = data.dataset, data.dataset.time.column
    frame = add_calendar(data.frame, dataset.calendar_features, time=time)
    frame = add_history(
        frame, dataset.history, time=time, amount=dataset.amount, label=dataset.label
    )
    if frame[dataset.label].null_count():
        is_known = frame[dataset.label].is_not_null()
        frame = _by_column(frame, lambda column: column.filter(is_known))
    return replace(data, frame=frame)


def labelled(frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The rows whose label is known."""
    return frame.drop_nulls(dataset.label) if frame[dataset.label].null_count() else frame


def _simulated_file(cache: Path) -> Path:
    """The file of embedded data, made once per version of the simulator, atomically."""
    version = sha256_of(Path(simulate.__file__))[:8]
    path = cache / f"simulated-{SIMULATION_SEED}-{version}.parquet"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            simulate.simulate(seed=SIMULATION_SEED).write_parquet(temporary)
    return path


def _read(path: Path, dataset: Dataset) -> pl.DataFrame:
    """The columns that the data-set file names, the label as text, all others typed."""
    files = data_files(path, dataset.encoding)
    for file in files:
        with _named(file):
            check_columns(file.columns(), dataset.columns)
    read = [_read_file(file, dataset) for file in files]
    # A file without rows has no times that could have offsets.
    parts = [part for part in read if len(part)] or read[:1]
    time = dataset.time.column
    if len({part.schema[time] for part in parts}) > 1:
        raise BadInput(
            f"column {time!r} (the time) has offsets from UTC in some files, but not in others: "
            "set `zone` in `time` to that of the others"
        )
    return pl.concat(parts) if len(parts) > 1 else parts[0]


def _read_file(file: DataFile, dataset: Dataset) -> pl.DataFrame:
    with _named(file):
        raw = file.read(dataset.columns)
        # Each raw column is let go once it is typed: two copies of a table may not fit in memory.
        typed = [_typed(raw.drop_in_place(name), dataset) for name in dataset.columns]
    return pl.DataFrame(typed)


@contextmanager
def _named(file: DataFile) -> Iterator[None]:
    """In a folder, an error has to say in which file."""
    try:
        yield
    except BadInput as error:
        name = file.path.name
        if file.path == file.root or str(error).startswith(name):
            raise
        raise BadInput(f"{name}: {error}") from error


def _typed(column: pl.Series, dataset: Dataset) -> pl.Series:
    if column.name == dataset.time.column:
        return as_time(column, dataset)
    if column.name in (dataset.amount, *dataset.numbers):
        number = as_number(column, dataset.missing, dataset.decimal)
        if column.name == dataset.amount and number.null_count():
            raise BadInput(
                f"column {column.name!r} (the amount) has no value in {rows(number.is_null())}: "
                "remove the rows, or fill in the amounts"
            )
        if column.name == dataset.amount and (too_large := number.abs() > MAX_AMOUNT).any():
            raise BadInput(f"{in_row(column, too_large)} is beyond {MAX_AMOUNT:g}")
        return number
    # Of a label, only what `unlabelled` lists is not known: `None` may be what a genuine one has.
    text = as_text(column, () if column.name == dataset.label else dataset.missing)
    # A text takes 16 bytes a row and its code 4, in the table and wherever it is grouped by.
    return text.cast(pl.Categorical) if column.name in dataset.entities else text


def _checked(path: Path, frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """With the label as a number: what it may contain depends on the rows of all files."""
    if frame.is_empty():
        raise BadInput(f"{path.name} contains no rows")
    times = frame[dataset.time.column].dt.replace_time_zone(None)
    check_span(times, dataset)
    label = as_label(frame[dataset.label], dataset)
    if label.null_count() == len(label):
        raise BadInput(f"column {label.name!r} (the label) has no known value: check `unlabelled`")
    return frame.with_columns(label, times)


def _in_order_of_time(frame: pl.DataFrame, time: str) -> pl.DataFrame:
    if not frame[time].is_sorted():
        order = frame.select(pl.arg_sort_by(time, maintain_order=True)).to_series()
        frame = _by_column(frame, lambda column: column.gather(order))
    return frame.with_columns(pl.col(time).set_sorted())


def _by_column(frame: pl.DataFrame, change: Callable[[pl.Series], pl.Series]) -> pl.DataFrame:
    """Changed column by column: a table and its changed copy may not fit in memory.

    `frame` has no columns afterwards.
    """
    return pl.DataFrame([change(frame.drop_in_place(name)) for name in frame.columns])


def _notes(frame: pl.DataFrame, dataset: Dataset) -> Iterator[str]:
    if unknown := frame[dataset.label].null_count():
        yield (
            f"{unknown:,} of {len(frame):,} rows have no known label (`unlabelled`): they count in "
            "histories, but are neither trained nor tested on"
        )
    amounts = frame[dataset.amount].to_numpy()
    fine = abs(amounts - units_of_all(amounts) / UNITS) > _ROUNDING
    if reads_amount(dataset.history) and fine.any():
        yield (
            f"{fine.sum():,} of {len(frame):,} amounts have more than 4 decimals: mean amounts are "
            "made of amounts rounded to 1/10,000; a unit 1,000 times smaller keeps more of them"
        )
    for name in dataset.entities:
        if missing := frame[name].null_count():
            yield (
                f"{missing:,} of {len(frame):,} rows have no {name!r}: they get no history, and "
                "are not the same entity"
            )
