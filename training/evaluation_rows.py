"""Evaluation rows: the test days of a data set, written for the gates or kept in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from registry.atomic import atomic_write
from registry.evaluation.metrics import LabelledRows
from registry.evaluation.rows import (
    AMOUNT,
    BAND_PREFIX,
    CLUSTER,
    LABEL,
    TIME,
    EvaluationRows,
    numbered_owners,
)
from registry.progress import step, warn
from training.data import Data, labelled, read_transactions, with_features
from training.dataset import read_dataset
from training.errors import BadInput
from training.split import split_data


def write_evaluation_rows(source: str, dataset_name: str, destination: Path) -> int:
    """Write the test part of the split to a Parquet file; return the number of rows.

    Each row holds the raw inputs, the label and the time; the file's metadata names the data it
    was made from. Raises BadInput as reading and splitting do, or if the file cannot be written.
    """
    dataset = read_dataset(dataset_name)
    with step(f"reading {source}"):
        transactions = read_transactions(source, dataset)
        split_data(labelled(transactions.frame, dataset), dataset)  # refuses before the features
    for note in transactions.notes:
        warn(note)
    with step("building evaluation rows"):
        data = with_features(transactions)
        split = split_data(data.frame, dataset)
        rows = _rows(data, split.test)
    metadata = {
        "dataset": dataset_name,
        "data": source,
        "data_sha256": data.sha256,
        "delay_days": str(dataset.delay_days),
    }
    _write(rows, destination, metadata)
    return len(rows)


def _rows(data: Data, test: pl.DataFrame) -> pl.DataFrame:
    dataset = data.dataset
    return test.select(
        *dataset.inputs,
        pl.col(dataset.label).alias(LABEL),
        pl.col(dataset.time.column).alias(TIME),
        pl.col(dataset.amount).alias(AMOUNT),
        *(pl.col(owner).cast(pl.String).alias(CLUSTER) for owner in list(dataset.entities)[:1]),
    ).hstack(_bands(data, test))


def _write(rows: pl.DataFrame, destination: Path, metadata: dict[str, str]) -> None:
    """Write atomically: half a file would be evaluated as if it were complete."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(destination) as temporary:
            rows.write_parquet(temporary, metadata=metadata)
    except OSError as error:
        raise BadInput(f"{destination} cannot be written: {error}") from error


def evaluation_rows(data: Data, test: pl.DataFrame) -> EvaluationRows:
    """The test part in memory, with the labels, clusters and slices of the written file."""
    rows = labelled_rows(data, test)
    for owner in list(data.dataset.entities)[:1]:
        rows = replace(rows, clusters=cluster_numbers(test[owner]))
    times = test[data.dataset.time.column].dt.replace_time_zone("UTC")
    return EvaluationRows(
        columns=pl.DataFrame(_bands(data, test)).to_pandas(),
        labelled=rows,
        start=times[0].astimezone(UTC),
        end=times[-1].astimezone(UTC),
        sha256=data.sha256,
        origin={"delay_days": str(data.dataset.delay_days)},
    )


def labelled_rows(data: Data, rows: pl.DataFrame) -> LabelledRows:
    """What measures need of any rows: their labels, days and amounts."""
    dataset = data.dataset
    return LabelledRows(
        labels=data.labels(rows),
        days=rows[dataset.time.column].dt.epoch("d").to_numpy().astype(np.int64),
        amounts=rows[dataset.amount].to_numpy(),
    )


def cluster_numbers(owners: pl.Series) -> NDArray[np.int64]:
    """The cluster of each row, numbered as the gates do, so that the intervals are the same."""
    return numbered_owners(owners.to_pandas())


def _bands(data: Data, test: pl.DataFrame) -> list[pl.Series]:
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
