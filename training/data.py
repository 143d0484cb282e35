"""Reading transactions: from a file of the user's to one checked table with the features added."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from features.offline import add_calendar, add_history
from registry.atomic import atomic_write
from registry.ledger.manifest import sha256_of
from training import simulate
from training.dataset import Dataset
from training.errors import BadInput

SIMULATED = "simulated"
SIMULATION_SEED = 20260101
"""Seed of the embedded data, fixed so that runs with different `seed` see the same transactions."""

_MIN_TIME, _MAX_TIME = datetime(1, 1, 1), datetime(9999, 12, 31)
_MAX_NUMBER = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Data:
    """Transactions in order of time: the model's inputs, and the label and time of the file."""

    frame: pl.DataFrame
    dataset: Dataset
    path: Path
    sha256: str

    def labels(self, part: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        return part[self.dataset.label].to_numpy()


def read_data(source: str, dataset: Dataset, cache: Path = Path(".local/data")) -> Data:
    """Read a Parquet or CSV file, a folder of Parquet files, or `simulated`; add the features.

    The result is sorted by time; numbers are Float64 with null where missing, categories are text,
    the label is Int8. Raises BadInput naming the file or column and what is wrong with it.
    """
    path = _simulated_file(cache) if source == SIMULATED else Path(source)
    raw, sha256 = _read_unchanged(path, dataset)
    time = dataset.time.column
    frame = add_calendar(_with_types(raw, dataset), dataset.calendar_features, time=time)
    frame = add_history(
        frame, dataset.history, time=time, amount=dataset.amount, label=dataset.label
    )
    return Data(frame.sort(time, maintain_order=True), dataset, path, sha256)


def _simulated_file(cache: Path) -> Path:
    """The file of embedded data, made once per version of the simulator, atomically."""
    version = sha256_of(Path(simulate.__file__))[:8]
    path = cache / f"simulated-{SIMULATION_SEED}-{version}.parquet"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            simulate.simulate(seed=SIMULATION_SEED).write_parquet(temporary)
    return path


def _sha256(path: Path) -> str:
    """Of the whole file; of a folder, of the names and digests of its files, sorted by name."""
    if path.is_file():
        return sha256_of(path)
    files = sorted(path.glob("*.parquet"))
    lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _read_unchanged(path: Path, dataset: Dataset) -> tuple[pl.DataFrame, str]:
    """The content of the file, and its sha256; refused if the file changes while it is read."""
    if not path.exists():
        raise BadInput(
            f"no data at {path}; pass a Parquet or CSV file, a folder of Parquet files, "
            f"or `{SIMULATED}`"
        )
    sha256 = _sha256(path)
    frame = _read(path, dataset)
    if _sha256(path) != sha256:
        raise BadInput(f"{path.name} changed while it was read; run again once it is complete")
    return frame, sha256


def _read(path: Path, dataset: Dataset) -> pl.DataFrame:
    try:
        if path.is_dir():
            if not (parts := sorted(path.glob("*.parquet"))):
                raise BadInput(f"folder {path} contains no .parquet file")
            frame = pl.read_parquet(parts, glob=False)
        elif path.suffix == ".csv":
            frame = pl.read_csv(
                path,
                infer_schema_length=None,
                try_parse_dates=True,
                # Unparsed: as a number, `007` would become `7`, which no client sends.
                schema_overrides=dict.fromkeys(dataset.categories, pl.String),
                glob=False,
            )
        else:
            frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0]
        kind = "CSV" if path.suffix == ".csv" else "Parquet"
        raise BadInput(f"{path.name} cannot be read as {kind}: {reason}") from error
    if frame.is_empty():
        raise BadInput(f"{path.name} contains no rows")
    return frame


def _with_types(frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The columns that the data-set file names, each checked and cast to its type."""
    if missing := [name for name in dataset.columns if name not in frame.columns]:
        raise BadInput(
            f"the data has no column {missing[0]!r}, which the data-set file requires; "
            f"its columns are {', '.join(frame.columns)}"
        )
    for name in (*dataset.categories, *dataset.entities):
        if frame[name].dtype.is_nested():
            raise BadInput(f"column {name!r} contains lists or structs; expected one value per row")
    amount = _parse_number(frame[dataset.amount])
    if amount.null_count():
        raise BadInput(f"column {dataset.amount!r} (the amount) has missing values")
    columns = [
        _parse_label(frame[dataset.label]),
        _parse_time(frame[dataset.time.column], dataset),
        amount,
        *(_parse_number(frame[name]) for name in dataset.numbers),
        *(frame[name].cast(pl.String) for name in dataset.categories),
        *(frame[name] for name in dataset.entities),
    ]
    return pl.DataFrame(columns)


def _parse_label(column: pl.Series) -> pl.Series:
    if not column.dtype.is_numeric() and column.dtype != pl.Boolean:
        raise BadInput(
            f"column {column.name!r} (the label) must contain 0 and 1, but is of type "
            f"{column.dtype}"
        )
    if column.null_count() or not column.cast(pl.Float64).is_in([0.0, 1.0]).all():
        raise BadInput(f"column {column.name!r} (the label) contains values other than 0 and 1")
    return column.cast(pl.Int8)


def _parse_number(column: pl.Series) -> pl.Series:
    if column.dtype.is_temporal():
        raise BadInput(f"column {column.name!r} contains times, but numbers are expected")
    try:
        number = column.cast(pl.Float64).fill_nan(None)
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"column {column.name!r} contains a value that is not a number") from error
    if number.is_infinite().any():
        raise BadInput(f"column {column.name!r} contains an infinite number")
    if (number.abs() > _MAX_NUMBER).any():
        raise BadInput(f"column {column.name!r} contains a number too large for float32")
    return number


def _parse_time(column: pl.Series, dataset: Dataset) -> pl.Series:
    """The time as naive microseconds; ISO 8601 text with an offset is converted to UTC."""
    name = f"column {column.name!r} (the time)"
    time = dataset.time
    try:
        if time.unit and time.origin:
            if not column.dtype.is_numeric():
                raise BadInput(
                    f"{name} is of type {column.dtype}, not a number: remove `unit` and `origin`"
                )
            scale = 1_000_000 if time.unit == "s" else 1_000
            origin = datetime(time.origin.year, time.origin.month, time.origin.day)
            micros = (column.cast(pl.Float64) * scale).round().cast(pl.Int64)
            parsed = micros.cast(pl.Duration("us")) + origin
        elif column.dtype == pl.String:
            utc = column.str.to_datetime(time_unit="us", time_zone="UTC")
            parsed = utc.dt.replace_time_zone(None)
        else:
            parsed = column.cast(pl.Datetime("us"))
            if column.dtype.is_numeric():
                raise BadInput(f"{name} contains numbers: set `unit` and `origin`")
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{name} contains values that cannot be parsed as times") from error
    if parsed.null_count():
        raise BadInput(f"{name} has missing values")
    if not parsed.is_between(_MIN_TIME, _MAX_TIME).all():
        raise BadInput(f"{name} has values outside the years 1 to 9999: check `unit`")
    if parsed.min() == parsed.max():
        raise BadInput(f"{name} has the same value in every row")
    return parsed.alias(column.name)
