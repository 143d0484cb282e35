"""Writing evaluation rows: the test days of a data set, as the gates read them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from registry.rows import LABEL, TIME
from training.data import read_data
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
    )
    destination.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(
        destination,
        metadata={"dataset": dataset_name, "data": source, "data_sha256": data.sha256},
    )
    return len(rows)
