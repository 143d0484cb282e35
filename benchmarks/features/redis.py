"""The store in a Redis server on loopback."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from benchmarks.features.streams import KINDS, LATENESS, PLAN, Labelled, later, of_one_shop, spread
from benchmarks.growth.row import Row
from deploy.local.redis_server import redis_server
from features.stores.redis import RedisStore

ADDED = 2000


@asynccontextmanager
async def filled(events: Iterable[Labelled]) -> AsyncIterator[RedisStore]:
    """A store with these transactions, without a log of writes."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as server:
        store = RedisStore(server.url, KINDS, reach=PLAN.reach, lateness=LATENESS, timeout_ms=5000)
        try:
            await store.load(events)
            yield store
        finally:
            await store.close()


async def add_microseconds(store: RedisStore, shop: str | None = None) -> list[float]:
    """Of one request after another, each with the windows of 15 features."""
    times = []
    for number in range(ADDED):
        transaction, start = later(number, shop), time.perf_counter()
        await store.add(transaction, PLAN.windows)
        times.append(1e6 * (time.perf_counter() - start))
    return times[100:]


def fill_speed(events: int) -> float:
    async def run() -> float:
        async with filled(()) as store:
            transactions, start = list(spread(events)), time.perf_counter()
            await store.load(transactions)
            return events / (time.perf_counter() - start)

    return asyncio.run(run())


def bytes_per_event(events: int) -> float:
    async def run() -> float:
        async with filled(()) as empty:
            before = (await empty.stats()).bytes or 0
        async with filled(spread(events)) as store:
            return ((await store.stats()).bytes or 0) / events - before / events

    return asyncio.run(run())


def of_adds(events: int, percentile: int, *, in_one_shop: bool = False) -> float:
    async def run() -> float:
        rows = of_one_shop(events) if in_one_shop else spread(events)
        async with filled(rows) as store:
            times = await add_microseconds(store, "shop" if in_one_shop else None)
            return float(np.percentile(times, percentile))

    return asyncio.run(run())


SHORT, LONG = (1_000, 2_000), (100_000, 1_000_000)
ROWS = (
    Row("fill-redis", "filling Redis", "events", "events/s", SHORT, LONG, fill_speed),
    Row(
        "bytes-redis",
        "memory of an event in Redis, as many cards as events",
        "events",
        "bytes",
        SHORT,
        LONG,
        bytes_per_event,
    ),
    Row(
        "add-redis",
        "the median of adding one with the Handbook's windows",
        "events",
        "µs",
        SHORT,
        LONG,
        lambda events: of_adds(events, 50),
    ),
    Row(
        "add-p99-redis",
        "its 99th percentile",
        "events",
        "µs",
        SHORT,
        LONG,
        lambda events: of_adds(events, 99),
    ),
    Row(
        "shop-p99-redis",
        "the 99th percentile, all events in the shop's windows",
        "events",
        "µs",
        SHORT,
        (1_000, 1_000_000),
        lambda events: of_adds(events, 99, in_one_shop=True),
    ),
)
