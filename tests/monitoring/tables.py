"""Records and labels of tests, with defaults for all that a test does not care about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from monitoring.join import Joined, VersionTerms, join
from monitoring.labels import LabelColumns

DAY = 86_400.0
RECORD: dict[str, Any] = {
    "model_version": 1,
    "model_digest": "d" * 64,
    "threshold": 0.5,
    "time": 0.0,
    "request_id": "r",
    "row": 0,
    "caller": "",
    "probability": 0.1,
    "decision": "approve",
    "transaction_id": "t",
    "history": None,
    "inputs_sha256": None,
    "inputs": None,
}
_TYPES = {"transaction_id": pl.String, "inputs": pl.String, "history": pl.String}


def records(*rows: dict[str, Any]) -> pl.DataFrame:
    """The Parquet columns of the sink."""
    return pl.DataFrame(
        [RECORD | row for row in rows],
        schema={name: _TYPES.get(name) for name in RECORD},
        schema_overrides=_TYPES | {"time": pl.Float64, "probability": pl.Float64},
        infer_schema_length=None,
    ).with_columns(pl.col("model_version").cast(pl.Int64))


def labels(rows: Iterable[tuple[Any, Any, Any]]) -> pl.DataFrame:
    """Ids, whether they are frauds, and since when (Unix time) that is known."""
    kinds = {"transaction_id": pl.String, "fraud": pl.Int8, "known_at": pl.Float64}
    return pl.DataFrame(list(rows), schema=kinds, orient="row")


UNTIL = datetime(1970, 1, 21, tzinfo=UTC)
"""The end of day 19."""
TERMS = {1: VersionTerms(delay_days=7, budget_per_day=2)}
WITH_TIME = LabelColumns(known_at="known_at")


def joined(
    record_rows: pl.DataFrame,
    label_rows: pl.DataFrame,
    columns: LabelColumns = WITH_TIME,
    **more: Any,
) -> Joined:
    return join(record_rows.lazy(), label_rows.lazy(), columns, TERMS, UNTIL, **more)
