"""Writing evaluation rows: the test days of a data set, as the gates read them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from registry.atomic import atomic_write
from registry.evaluation.rows import AMOUNT, BAND_PREFIX, CLUSTER, LABEL, TIME
from training.data import Data, read_data
from training.dataset import read_dataset
from training.errors import BadInput
from training.split import split_data


def write_evaluation_rows(source: str, dataset_name: str, destination: Path) -> int:
    """Write the test part of the split to a Parquet file; return the number of rows.

    Each row holds the raw inputs, the label and the time; the file's metadata names the data it
    was made from. Raises BadInput as reading and splitting do, or if the file cannot be written.
    """
    dataset = read_dataset(dataset_name)
    data = read_data(source, dataset)
    split = split_data(data.frame, dataset)
    rows = split.test.select(
        *dataset.inputs,
        pl.col(dataset.label).alias(LABEL),
        pl.col(dataset.time.column).alias(TIME),
        pl.col(dataset.amount).alias(AMOUNT),
        *(pl.col(name).alias(CLUSTER) for name in list(dataset.entities)[:1]),
    ).hstack(bands(data, split.test))
    metadata = {
        "dataset": dataset_name,
        "data": source,
        "data_sha256": data.sha256,
        "delay_days": str(dataset.delay_days),
    }
    _write(rows, destination, metadata)
    return len(rows)


def _write(rows: pl.DataFrame, destination: Path, metadata: dict[str, str]) -> None:
    """Write atomically: half a file would be evaluated as if it were complete."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(destination) as temporary:
            rows.write_parquet(temporary, metadata=metadata)
    except OSError as error:
        raise BadInput(f"{destination} cannot be written: {error}") from error


def bands(data: Data, test: pl.DataFrame) -> list[pl.Series]:
    """For each entity, two numbers to slice by: its age in days, and how active it is."""
    dataset, time = data.dataset, data.dataset.time.column
    max_days = max(dataset.windows_days)
    columns: list[pl.Series] = []
    for entity in dataset.entities:
        first_seen = data.frame.group_by(entity).agg(pl.col(time).min().alias("_first"))
        joined = test.select(entity, time).join(
            first_seen, on=entity, how="left", maintain_order="left"
        )
        age = (joined[time] - joined["_first"]).dt.total_days().fill_null(0).cast(pl.Float64)
        columns.append(age.alias(f"{BAND_PREFIX}{entity} age in days"))
        count = next(
            feature.name
            for feature in dataset.history
            if (feature.entity, feature.aggregate) == (entity, "count")
            and feature.window_days == max_days
        )
        columns.append(test[count].alias(f"{BAND_PREFIX}{entity} count in {max_days} days"))
    return columns
