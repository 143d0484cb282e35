"""Reading transactions: whatever file the user has, to one table with its columns checked."""

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
_EARLIEST, _LATEST = datetime(1, 1, 1), datetime(9999, 12, 31)
SIMULATION_SEED = 20260101
"""Of the embedded data: fixed, so that two runs with different `seed` see the same transactions."""


@dataclass(frozen=True)
class Data:
    """Transactions in time order: the model's inputs, and the file's label and time."""

    frame: pl.DataFrame
    dataset: Dataset
    path: Path
    sha256: str

    def labels(self, part: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
        return part[self.dataset.label].to_numpy()


def read_data(source: str, dataset: Dataset, cache: Path = Path(".local/data")) -> Data:
    """Read a Parquet or CSV file, a folder of Parquet files, or `simulated`; add the features.

    The result is sorted by time; numbers are Float64 with null where missing, categories text,
    the label Int8. Raises BadInput naming the file, the column, and what is wrong with it.
    """
    path = _simulated(cache) if source == SIMULATED else Path(source)
    raw, sha256 = _read_whole(path, dataset)
    frame = _typed(raw, dataset)
    frame = add_calendar(frame, dataset.calendar_features, time=dataset.time.column)
    frame = add_history(
        frame, dataset.history, time=dataset.time.column, amount=dataset.amount, label=dataset.label
    )
    frame = frame.sort(dataset.time.column, maintain_order=True)
    return Data(frame, dataset, path, sha256)


def _simulated(cache: Path) -> Path:
    """The embedded data as a file, made once for the code that makes it, and renamed when whole."""
    code = sha256_of(Path(simulate.__file__))[:8]
    path = cache / f"simulated-{SIMULATION_SEED}-{code}.parquet"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            simulate.simulate(seed=SIMULATION_SEED).write_parquet(temporary)
    return path


def _sha256(path: Path) -> str:
    """Over the whole file; of a folder, over its files' names and digests in order."""
    if path.is_file():
        return sha256_of(path)
    names = sorted(path.glob("*.parquet"))
    lines = "".join(f"{sha256_of(one)}  {one.name}\n" for one in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def _read_whole(path: Path, dataset: Dataset) -> tuple[pl.DataFrame, str]:
    """What the file holds, and the sha256 of just that."""
    if not path.exists():
        raise BadInput(
            f"no data at {path}; give a Parquet or CSV file, a folder of Parquet files, "
            f"or `{SIMULATED}`"
        )
    before = _sha256(path)
    frame = _read(path, dataset)
    if _sha256(path) != before:
        raise BadInput(f"{path.name} was changed while it was read; run again once it is whole")
    return frame, before


def _read(path: Path, dataset: Dataset) -> pl.DataFrame:
    try:
        if path.is_dir():
            if not (parts := sorted(path.glob("*.parquet"))):
                raise BadInput(f"folder {path} holds no .parquet file")
            frame = pl.read_parquet(parts, glob=False)
        elif path.suffix == ".csv":
            frame = pl.read_csv(
                path,
                infer_schema_length=None,
                try_parse_dates=True,
                # As they stand: read as a number, `007` would be another category than a client's.
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
        raise BadInput(f"{path.name} holds no rows")
    return frame


def _typed(frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    if missing := [name for name in dataset.columns if name not in frame.columns]:
        raise BadInput(
            f"the data has no column {missing[0]!r}, which the data-set file names; "
            f"it has {', '.join(frame.columns)}"
        )
    for name in (*dataset.categories, *dataset.entities):
        if frame[name].dtype.is_nested():
            raise BadInput(f"column {name!r} holds lists or structs; give one value a row")
    amount = _number(frame[dataset.amount])
    if amount.null_count():
        raise BadInput(f"column {dataset.amount!r} (the amount) has missing values")
    columns = [
        _label(frame[dataset.label]),
        _time(frame[dataset.time.column], dataset),
        amount,
        *(_number(frame[name]) for name in dataset.numbers),
        *(frame[name].cast(pl.String) for name in dataset.categories),
        *(frame[name] for name in dataset.entities),
    ]
    return pl.DataFrame(columns)


def _label(column: pl.Series) -> pl.Series:
    if not column.dtype.is_numeric() and column.dtype != pl.Boolean:
        raise BadInput(f"column {column.name!r} (the label) must be 0 or 1, it is {column.dtype}")
    if column.null_count() or not column.cast(pl.Float64).is_in([0.0, 1.0]).all():
        raise BadInput(f"column {column.name!r} (the label) holds something other than 0 and 1")
    return column.cast(pl.Int8)


def _number(column: pl.Series) -> pl.Series:
    if column.dtype.is_temporal():
        raise BadInput(f"column {column.name!r} holds times where numbers belong")
    try:
        number = column.cast(pl.Float64).fill_nan(None)
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"column {column.name!r} holds something that is no number") from error
    if number.is_infinite().any():
        raise BadInput(f"column {column.name!r} holds an infinite number")
    if (number.abs() > float(np.finfo(np.float32).max)).any():
        raise BadInput(f"column {column.name!r} holds a number too large for the model (float32)")
    return number


def _time(column: pl.Series, dataset: Dataset) -> pl.Series:
    time = dataset.time
    try:
        if time.unit and time.origin:
            if not column.dtype.is_numeric():
                raise BadInput(
                    f"column {column.name!r} (the time) holds {column.dtype} and no numbers: "
                    "leave out `unit` and `origin`"
                )
            scale = 1_000_000 if time.unit == "s" else 1_000
            origin = datetime(time.origin.year, time.origin.month, time.origin.day)
            micros = (column.cast(pl.Float64) * scale).round().cast(pl.Int64)
            parsed = micros.cast(pl.Duration("us")) + origin
        elif column.dtype == pl.String:
            parsed = column.str.to_datetime(time_unit="us", time_zone="UTC").dt.replace_time_zone(
                None
            )
        else:
            parsed = column.cast(pl.Datetime("us"))
            if column.dtype.is_numeric():
                raise BadInput(
                    f"column {column.name!r} (the time) is a number: give `unit` and `origin`"
                )
    except pl.exceptions.PolarsError as error:
        raise BadInput(
            f"column {column.name!r} (the time) holds times that cannot be parsed"
        ) from error
    if parsed.null_count():
        raise BadInput(f"column {column.name!r} (the time) has missing values")
    if not parsed.is_between(_EARLIEST, _LATEST).all():
        raise BadInput(
            f"column {column.name!r} (the time) goes beyond the years 1 to 9999: look at `unit`"
        )
    if parsed.min() == parsed.max():
        raise BadInput(f"column {column.name!r} (the time) says the same time in every row")
    return parsed.alias(column.name)
