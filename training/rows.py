"""Writing evaluation rows: the test days of a data set, as the gates read them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from registry.rows import AMOUNT, BAND_PREFIX, CLUSTER, LABEL, TIME
from training.data import Data, read_data
from training.dataset import read_dataset
from training.split import split_by_time


def write_rows(source: str, dataset_name: str, destination: Path) -> int:
    """Write the test part of the split to a Parquet file; return the number of rows.

    Each row holds the raw inputs, the label and the time, and the file says in its metadata which
    data it is from. Raises BadInput as reading and splitting do.
    """
    dataset = read_dataset(dataset_name)
    data = read_data(source, dataset)
    split = split_by_time(
        data.frame,
        time=dataset.time.column,
        label=dataset.label,
        delay_days=dataset.delay_days,
        test_share=dataset.test_share,
    )
    rows = split.test.select(
        *dataset.inputs,
        pl.col(dataset.label).alias(LABEL),
        pl.col(dataset.time.column).alias(TIME),
        pl.col(dataset.amount).alias(AMOUNT),
        *(pl.col(name).alias(CLUSTER) for name in list(dataset.entities)[:1]),
    ).hstack(_bands(data, split.test))
    destination.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(
        destination,
        metadata={
            "dataset": dataset_name,
            "data": source,
            "data_sha256": data.sha256,
            "delay_days": str(dataset.delay_days),
        },
    )
    return len(rows)


def _bands(data: Data, test: pl.DataFrame) -> list[pl.Series]:
    """For each entity, numbers to make slices by: its age in days, and how active it is."""
    dataset, time = data.dataset, data.dataset.time.column
    bands: list[pl.Series] = []
    for entity in dataset.entities:
        first_seen = data.frame.group_by(entity).agg(pl.col(time).min().alias("_first"))
        seen = test.select(entity, time)
        born = seen.join(first_seen, on=entity, how="left", maintain_order="left")
        age = (born[time] - born["_first"]).dt.total_days().fill_null(0).cast(pl.Float64)
        bands.append(age.alias(f"{BAND_PREFIX}{entity} age in days"))
        longest = max(dataset.windows_days)
        count = next(
            one
            for one in dataset.history
            if (one.entity, one.aggregate, one.window_days) == (entity, "count", longest)
        )
        bands.append(test[count.name].alias(f"{BAND_PREFIX}{entity} count in {longest} days"))
    return bands
