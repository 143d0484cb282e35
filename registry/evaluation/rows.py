"""Evaluation rows: raw model inputs with their label, time and amount, in a Parquet file.

`training` builds them from a data set that the evaluator names, never from the candidate's own
artifacts; this module only reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from registry.errors import UsageError
from registry.evaluation.metrics import LabelledRows
from registry.ledger.manifest import sha256_of_bytes
from registry.model.contract import Contract
from registry.model.scorer import encode_columns

LABEL = "_label"
TIME = "_time"
AMOUNT = "_amount"
CLUSTER = "_cluster"
BAND_PREFIX = "_band."
"""Prefix of columns with a number to form slices by, such as `_band.customer_id age`."""

ORIGIN_KEYS = ("dataset", "data", "data_sha256", "delay_days")
BANDS = 4


@dataclass(frozen=True)
class Slice:
    """Some of the rows: their positions, rising, and a name for what they have in common.

    A mask for each of a thousand days would take a thousand times the memory.
    """

    name: str
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class EvaluationRows:
    """n rows as they were read: raw inputs in `columns`, and their labels, days and amounts."""

    columns: pd.DataFrame
    labelled: LabelledRows
    start: datetime
    end: datetime
    sha256: str
    origin: Mapping[str, str]

    @property
    def delay_days(self) -> float:
        """The label delay of the data set that the evaluator named."""
        return float(self.origin["delay_days"])

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        """By amount, by day, and by the band columns of the file."""
        banded = {"amount": self.labelled.amounts}
        for name in self.columns.columns:
            if str(name).startswith(BAND_PREFIX):
                banded[str(name).removeprefix(BAND_PREFIX)] = self.columns[name].to_numpy(float)
        bands = (band for name, values in banded.items() for band in _bands(name, values))
        return (*bands, *_by_day(self.labelled.days))

    def encoded(self, contract: Contract) -> NDArray[np.float32]:
        """The inputs of one model, float32 of shape (n, inputs). Raises UsageError."""
        return encode_frame(self.columns, contract)


def _by_day(days: NDArray[np.int64]) -> list[Slice]:
    order = np.argsort(days, kind="stable")
    distinct, starts = np.unique(days[order], return_index=True)
    return [
        Slice(f"day {np.datetime64(int(day), 'D')}", rows)
        for day, rows in zip(distinct, np.split(order, starts[1:]), strict=True)
    ]


def _bands(name: str, values: NDArray[np.float64]) -> list[Slice]:
    """Quartiles of the rows by a number; fewer where values repeat."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BANDS + 1)))
    return [
        Slice(
            f"{name} {low:g} to {high:g}",
            np.flatnonzero((values >= low) & _below(values, high, edges[-1])),
        )
        for low, high in pairwise(edges)
    ]


def _below(values: NDArray[np.float64], high: float, last: float) -> NDArray[np.bool_]:
    return values <= high if high == last else values < high


def encode_frame(frame: pd.DataFrame, contract: Contract) -> NDArray[np.float32]:
    """A frame's columns as a model's inputs, float32 of shape (n, inputs). Raises UsageError."""
    columns = {name: frame[name].to_numpy() for name in contract.names if name in frame.columns}
    return encode_columns(columns, contract.inputs)


def read_rows(path: Path) -> EvaluationRows:
    """Read evaluation rows. Raises UsageError naming the file and what is wrong in it."""
    try:
        content = path.read_bytes()
        frame = pq.read_table(pa.BufferReader(content)).to_pandas()
        # The file's metadata, not the schema's: Polars writes only the former.
        metadata = pq.read_metadata(pa.BufferReader(content)).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise UsageError(
            f"{path} is not a Parquet file that can be read; make the rows with "
            "`mlflow run . -e evaluate`"
        ) from error
    for column in (LABEL, TIME, AMOUNT):
        if column not in frame.columns:
            raise UsageError(f"{path.name} has no column {column}; it is not an evaluation file")
    if set(frame[LABEL].unique()) != {0, 1}:
        raise UsageError(f"{path.name}: {LABEL} must be 0 or 1, and both must occur")
    if missing := [key for key in ORIGIN_KEYS if key.encode() not in metadata]:
        raise UsageError(
            f"{path.name} does not state its {missing[0]}; it is not an evaluation file"
        )
    _check_delay(path.name, metadata[b"delay_days"].decode())
    try:
        times = pd.to_datetime(frame[TIME], utc=True)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path.name}: {TIME} holds a value that is not a time") from error
    if times.isna().any():
        raise UsageError(f"{path.name}: {TIME} is missing in {int(times.isna().sum())} rows")
    amounts = pd.to_numeric(frame[AMOUNT], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(amounts).all():
        raise UsageError(f"{path.name}: {AMOUNT} is not a number in every row")
    return EvaluationRows(
        columns=frame,
        labelled=_labelled(frame, times),
        start=times.min().to_pydatetime().astimezone(UTC),
        end=times.max().to_pydatetime().astimezone(UTC),
        sha256=sha256_of_bytes(content),
        origin={key: metadata[key.encode()].decode() for key in ORIGIN_KEYS},
    )


def _check_delay(name: str, delay_days: str) -> None:
    """Raises UsageError: with a negative delay the leakage gate would let everything pass."""
    if not re.fullmatch(r"\d+(\.\d+)?", delay_days):
        raise UsageError(f"{name}: delay_days is {delay_days!r}, which is not a number of days")


def _labelled(frame: pd.DataFrame, times: pd.Series[pd.Timestamp]) -> LabelledRows:
    clusters = None
    if CLUSTER in frame.columns:
        clusters = numbered_owners(frame[CLUSTER])
    return LabelledRows(
        labels=frame[LABEL].to_numpy(dtype=np.int8),
        days=times.dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64),
        amounts=frame[AMOUNT].to_numpy(dtype=np.float64),
        clusters=clusters,
    )


def numbered_owners(owners: pd.Series[Any]) -> NDArray[np.int64]:
    """A number from 0 for the owner of each row; each row without an owner has its own."""
    numbers = pd.factorize(owners)[0].astype(np.int64)
    unowned = numbers < 0
    numbers[unowned] = numbers.max() + 1 + np.arange(unowned.sum())
    return numbers
