"""Which transactions are compared; test_store_cli sees what is found to differ."""

from __future__ import annotations

import asyncio
from datetime import datetime

import polars as pl
import pytest

from features.online import Transaction
from features.stores.embedded import EmbeddedStore
from registry.errors import UsageError
from tests.training.keys import dataset
from training.past import ID, microseconds
from training.store_check import differences

DATASET = dataset(entities={"c": {}})
DAY = 86_400_000_000


def frame(*days: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            ID: [str(day) for day in days],
            "t": [datetime(2026, 1, day) for day in days],
            "a": [1.0 for _ in days],
            "c": ["k" for _ in days],
            "y": [0 for _ in days],
        }
    )


def compared(newest: int, sample: int, *days: int) -> int:
    async def compare() -> int:
        store = EmbeddedStore.open(None, ["c"], reach=30 * DAY, lateness=2 * DAY)
        for day in range(1, newest + 1):
            time = microseconds(datetime(2026, 1, day))
            await store.add(Transaction(str(day), time, 1.0, ("k",)), {})
        count, found = await differences(frame(*days), DATASET, store, sample)
        assert found == []
        return count

    return asyncio.run(compare())


def test_those_that_are_not_too_old_and_not_later_than_the_store_are_compared() -> None:
    assert compared(6, 100, *range(1, 10)) == 3
    assert compared(6, 2, *range(1, 10)) == 2


def test_there_must_be_some() -> None:
    with pytest.raises(UsageError, match="no transaction from 2026-01-04 00:00:00 to 2026-01-06"):
        compared(6, 100, 1, 2, 7)
    with pytest.raises(UsageError, match="the store is empty"):
        compared(0, 100, 1)
