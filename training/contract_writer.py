"""Writing the contract: what the fitted model accepts, as seen in its training rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from registry.model.contract import Contract, Histogram, Input, TransactionForm, Window
from registry.model.limits import MAX_CATEGORIES, MAX_INPUTS, MAX_NAME_LENGTH
from training.data import Data
from training.errors import BadInput

TRANSACTION_ID = "transaction_id"
"""The field of a transaction's id, where the data-set file names none."""
DECILES = [tenth / 10 for tenth in range(1, 10)]


def describe_inputs(data: Data, train: pl.DataFrame) -> tuple[Input, ...]:
    """Each input as the training rows show it: nullable or not, range, categories, histogram.

    Raises BadInput, before anything is fitted, for what the gate `contract` would refuse.
    """
    dataset = data.dataset
    names = (*dataset.number_inputs, *dataset.categories)
    if len(names) > MAX_INPUTS:
        raise BadInput(
            f"the data-set file makes {len(names)} inputs, but a model has at most {MAX_INPUTS}: "
            "list some columns under `ignored`, or fewer `windows_days`"
        )
    if long := [name for name in names if len(name) > MAX_NAME_LENGTH]:
        raise BadInput(
            f"column {long[0][:MAX_NAME_LENGTH]!r}… has a name of more than {MAX_NAME_LENGTH} "
            "characters: rename it"
        )
    return (
        *(_describe_number(train[name]) for name in dataset.number_inputs),
        *(_describe_category(train[name]) for name in dataset.categories),
    )


def _describe_number(column: pl.Series) -> Input:
    present = column.drop_nulls()
    if present.is_empty():
        raise BadInput(f"column {column.name!r} has no values in the training window")
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
        histogram=_histogram(column, counts.tolist(), edges.tolist()),
    )


def _describe_category(column: pl.Series) -> Input:
    counts = column.drop_nulls().value_counts().sort(column.name)
    if not 0 < len(counts) <= MAX_CATEGORIES:
        raise BadInput(
            f"column {column.name!r} has {len(counts)} distinct values in the training window, but "
            f"a category has 1 to {MAX_CATEGORIES}: list it under `ignored` or `entities` instead"
        )
    lengths = counts[column.name].str.len_chars()
    if int(lengths.max()) > MAX_NAME_LENGTH:  # type: ignore[arg-type]
        raise BadInput(
            f"column {column.name!r} has a category of more than {MAX_NAME_LENGTH} characters: "
            "shorten it, or list the column under `ignored`"
        )
    by_frequency = counts.sort("count", column.name, descending=[True, False])
    return Input(
        name=column.name,
        kind="category",
        nullable=column.null_count() > 0,
        categories=tuple(counts[column.name].to_list()),
        reference=by_frequency[column.name][0],
        histogram=_histogram(column, counts["count"].to_list()),
    )


def _histogram(column: pl.Series, counts: Sequence[int], edges: Sequence[float] = ()) -> Histogram:
    return Histogram(edges=tuple(edges), counts=tuple(counts), missing=column.null_count())


def write_contract(
    data: Data,
    name: str,
    train: pl.DataFrame,
    inputs: tuple[Input, ...],
    threshold: float,
    threshold_method: str,
) -> Contract:
    """The contract of a model that is fitted on `train`; `name` is that of the data-set file."""
    times = train[data.dataset.time.column].dt.replace_time_zone("UTC")
    form = _transaction_form(data)
    return Contract(
        version=1 if form is None else 2,
        dataset=name,
        inputs=inputs,
        history_features=data.dataset.history,
        calendar_features=data.dataset.calendar_features,
        threshold=threshold,
        threshold_method=threshold_method,
        training_window=Window(start=times[0], end=times[-1]),
        delay_days=data.dataset.delay_days,
        alert_budget_per_day=data.dataset.alert_budget_per_day,
        transaction=form,
    )


def _transaction_form(data: Data) -> TransactionForm | None:
    """How a client sends a transaction; None where there is nothing to compute of it."""
    dataset = data.dataset
    if not dataset.feature_names:
        return None
    return TransactionForm(
        id=dataset.id or TRANSACTION_ID,
        time=dataset.time.column,
        zoned=data.zoned,
        unit=dataset.time.unit,
        origin=dataset.time.origin,
        amount=dataset.amount,
        entities=tuple(dataset.entities),
        missing=dataset.missing,
    )
