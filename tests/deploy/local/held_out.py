"""Held-out rows for the small candidates of `tests.candidates`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tests.candidates import NAMES, numbers

START = datetime(2026, 5, 1)


def write(path: Path, count: int = 1200, frauds: int = 120) -> Path:
    """Rows five minutes apart, with evenly spaced frauds; `risk_7d` is the index of the row."""
    rows = numbers(count, seed=11)
    every = count // frauds
    frame = pl.DataFrame({name: rows[:, index] for index, name in enumerate(NAMES)})
    frame.with_columns(
        pl.Series("_label", [int(row % every == 0) for row in range(count)], dtype=pl.Int8),
        pl.Series("_time", [START + timedelta(minutes=5 * row) for row in range(count)]),
        pl.Series("risk_7d", np.arange(count, dtype=np.float64)),
    ).write_parquet(path)
    return path
