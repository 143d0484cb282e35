"""Comparing what a store answers with the features of training: equal to the bit, or named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from features.offline import add_history
from features.online import Plan, Transaction
from features.stores.outcomes import Conflict
from features.stores.store import Store
from registry.errors import UsageError
from training.dataset import Dataset
from training.past import ID, time_of, transactions


@dataclass(frozen=True)
class Difference:
    """A value that differs; a `feature` of None is the transaction as a whole."""

    transaction: Transaction
    feature: str | None
    online: float | str
    offline: float | str


async def differences(
    frame: pl.DataFrame, dataset: Dataset, store: Store, sample: int
) -> tuple[int, list[Difference]]:
    """How many transactions were compared, and what differs.

    Up to `sample` random ones are taken of those that the store can answer for, which are not older
    than its newest by more than its lateness. Raises UsageError if there are none.
    """
    time, plan = dataset.time.column, Plan(dataset.history)
    newest = (await store.stats()).newest
    if newest is None:
        raise UsageError("the store is empty: fill it by `python -m features load`")
    oldest, end = time_of(newest - store.lateness), time_of(newest)
    of_data = frame.filter(pl.col(time) <= end)
    rows = _sampled(of_data, time, oldest, sample)
    first = rows[time].min()
    if not isinstance(first, datetime):
        raise UsageError(
            f"the data has no transaction from {oldest} to {end}, the newest in the store"
        )
    reach = timedelta(microseconds=plan.reach)
    offline = add_history(
        of_data.filter(pl.col(time) >= first - reach),
        dataset.history,
        time=time,
        amount=dataset.amount,
        label=dataset.label,
    ).join(rows.select(ID), on=ID, how="semi")
    names = [feature.name for feature in dataset.history]
    expected = offline.select(names).rows()
    found = []
    for (transaction, _), values in zip(transactions(offline, dataset), expected, strict=True):
        found += await _compared(store, plan, transaction, dict(zip(names, values, strict=True)))
    return len(expected), found


def _sampled(frame: pl.DataFrame, time: str, first: datetime, sample: int) -> pl.DataFrame:
    rows = frame.filter(pl.col(time) >= first)
    return rows.sample(min(sample, len(rows)))


async def _compared(
    store: Store, plan: Plan, transaction: Transaction, offline: dict[str, float]
) -> list[Difference]:
    try:
        answer = await store.peek(transaction, plan.windows)
    except Conflict as error:
        return [Difference(transaction, None, str(error), "as in the data")]
    if not answer.repeated and any(name is not None for name in transaction.entities):
        return [Difference(transaction, None, "not recorded", "in the data")]
    online = plan.values(transaction, answer.seen)
    return [
        Difference(transaction, name, value, expected)
        for (name, expected), value in zip(offline.items(), online, strict=True)
        if value != expected
    ]
