"""Writing the contract: what the fitted model takes, seen from its training rows."""

from __future__ import annotations

import numpy as np
import polars as pl

from registry.model.contract import Contract, Histogram, Input, Window
from training.data import Data
from training.errors import BadInput

MOST_CATEGORIES = 1000
DECILES = [tenth / 10 for tenth in range(1, 10)]


def describe_inputs(data: Data, train: pl.DataFrame) -> tuple[Input, ...]:
    """Each input as the training rows show it: range, missing or not, categories, histogram."""
    dataset = data.dataset
    return (
        *(_number(train[name]) for name in dataset.number_inputs),
        *(_category(train[name]) for name in dataset.categories),
    )


def _number(column: pl.Series) -> Input:
    present = column.drop_nulls()
    if present.is_empty():
        raise BadInput(f"column {column.name!r} has no value in the training window")
    values = present.to_numpy()
    # Deciles that coincide (most terminals have no fraud at all) make one bin, not several.
    edges = np.unique(np.quantile(values, DECILES, method="lower"))
    edges = edges[edges > values.min()]
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return Input(
        name=column.name,
        kind="number",
        nullable=column.null_count() > 0,
        low=float(values.min()),
        high=float(values.max()),
        reference=float(np.median(values)),
        histogram=Histogram(
            edges=tuple(edges.tolist()),
            counts=tuple(counts.tolist()),
            missing=column.null_count(),
        ),
    )


def _category(column: pl.Series) -> Input:
    counts = column.drop_nulls().value_counts().sort(column.name)
    if not 0 < len(counts) <= MOST_CATEGORIES:
        raise BadInput(
            f"column {column.name!r} has {len(counts)} different values in the training window; a "
            f"category has 1 to {MOST_CATEGORIES}: list it under `ignored`, or as an entity"
        )
    most_frequent = counts.sort("count", column.name, descending=[True, False])
    return Input(
        name=column.name,
        kind="category",
        nullable=column.null_count() > 0,
        categories=tuple(counts[column.name].to_list()),
        reference=most_frequent[column.name][0],
        histogram=Histogram(counts=tuple(counts["count"].to_list()), missing=column.null_count()),
    )


def write_contract(
    data: Data,
    name: str,
    train: pl.DataFrame,
    inputs: tuple[Input, ...],
    threshold: float,
    threshold_method: str,
) -> Contract:
    """Put the contract together; `name` is the data-set file's."""
    times = train[data.dataset.time.column].dt.replace_time_zone("UTC")
    return Contract(
        dataset=name,
        inputs=inputs,
        history_features=data.dataset.history,
        calendar_features=data.dataset.calendar_features,
        threshold=threshold,
        threshold_method=threshold_method,
        training_window=Window(start=times[0], end=times[-1]),
        delay_days=data.dataset.delay_days,
    )
