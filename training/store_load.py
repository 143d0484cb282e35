"""Loading the transactions of a data set into a store, and naming the one that cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from features.online import Plan
from features.stores.outcomes import NotLoaded
from features.stores.store import Store
from registry.errors import UsageError
from registry.progress import step
from training.dataset import Dataset
from training.errors import BadInput
from training.past import ID, microseconds, time_of, transactions

_LOADED_AT_ONCE = 200_000
"""Transactions for each line of progress."""
_MAX_AHEAD = timedelta(days=1)


async def load_frame(
    store: Store,
    frame: pl.DataFrame,
    dataset: Dataset,
    begin: datetime | None,
    end: datetime | None,
    lateness_days: float,
) -> tuple[int, datetime, int]:
    """How many were new, from when on the store is complete, and how many are in reach.

    Raises BadInput for a transaction that cannot be recorded, or whose time is still to come.
    """
    time = dataset.time.column
    first, last = frame[time].min(), frame[time].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise UsageError(f"the data has no transaction before {end}")
    if last > datetime.now(UTC).replace(tzinfo=None) + _MAX_AHEAD:
        raise BadInput(
            f"transaction {frame[ID][-1]!r} of {last} is ahead of the clock by more than a day, "
            "and all others would be too late: correct or remove it, or leave it out by --until"
        )
    reach = Plan(dataset.history).reach
    await store.keep(reach, microseconds(last))
    kept = timedelta(microseconds=reach, days=lateness_days)
    first = max(first, (end or last) - kept, begin or first)
    frame = frame.filter(pl.col(time) >= first)
    new = done = 0
    for part in frame.iter_slices(_LOADED_AT_ONCE):
        done += len(part)
        with step(f"loading, to {part[time][-1]}: {done:,} of {len(frame):,} transactions"):
            try:
                new += await store.load(transactions(part, dataset))
            except NotLoaded as error:
                row = error.transaction
                raise BadInput(
                    f"transaction {row.id!r} of {time_of(row.time)}: {error}. Correct or remove "
                    "it, and run the load again"
                ) from error
    await store.complete_from(microseconds(first))
    return new, first, len(frame)
