"""Evaluation rows: raw model inputs with their label and time, in a Parquet file.

`training` builds them from a data set that the evaluator names, never from the candidate's own
artifacts; this module only reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from registry.contract import Contract
from registry.errors import UsageError
from registry.files import sha256_of
from registry.scorer import encode_columns

LABEL = "_label"
TIME = "_time"
ORIGIN_KEYS = ("dataset", "data", "data_sha256")


@dataclass(frozen=True)
class EvaluationRows:
    """n rows: `labels` 0 or 1, `days` since 1970-01-01, and the columns as they were read."""

    columns: pd.DataFrame
    labels: NDArray[np.int8]
    days: NDArray[np.int64]
    start: datetime
    end: datetime
    sha256: str
    origin: Mapping[str, str]

    def encoded(self, contract: Contract) -> NDArray[np.float32]:
        """The inputs of one model, float32 of shape (n, inputs). Raises UsageError."""
        return encode_frame(self.columns, contract)


def encode_frame(frame: pd.DataFrame, contract: Contract) -> NDArray[np.float32]:
    """A frame's columns as a model's inputs, float32 of shape (n, inputs). Raises UsageError."""
    columns = {
        one.name: frame[one.name].to_numpy() for one in contract.inputs if one.name in frame.columns
    }
    return encode_columns(columns, contract.inputs)


def read_rows(path: Path) -> EvaluationRows:
    """Read evaluation rows. Raises UsageError naming the file and what is wrong in it."""
    try:
        frame = pq.read_table(path).to_pandas()
        # The file's own: polars writes a schema beside it, whose metadata pyarrow would show.
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise UsageError(
            f"{path} is not a Parquet file that can be read; make the rows with "
            "`mlflow run . -e evaluate`"
        ) from error
    for column in (LABEL, TIME):
        if column not in frame.columns:
            raise UsageError(f"{path.name} has no column {column}; it is no evaluation file")
    if set(frame[LABEL].unique()) != {0, 1}:
        raise UsageError(f"{path.name}: {LABEL} must be 0 or 1, and both must occur")
    try:
        times = pd.to_datetime(frame[TIME], utc=True)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path.name}: {TIME} holds something that is no time") from error
    if times.isna().any():
        raise UsageError(f"{path.name}: {TIME} is missing in {int(times.isna().sum())} rows")
    origin = {
        key: metadata[key.encode()].decode() for key in ORIGIN_KEYS if key.encode() in metadata
    }
    return EvaluationRows(
        columns=frame,
        labels=frame[LABEL].to_numpy(dtype=np.int8),
        days=(times.dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)),
        start=times.min().to_pydatetime().astimezone(UTC),
        end=times.max().to_pydatetime().astimezone(UTC),
        sha256=sha256_of(path),
        origin=origin,
    )
