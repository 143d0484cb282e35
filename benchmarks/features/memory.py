"""The embedded store."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable

import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.features.streams import KINDS, LATENESS, PLAN, Labelled, later, of_one_shop, spread
from benchmarks.growth.row import Row
from features.stores.memory import MemoryStore

ADDED = 20_000


def filled(events: Iterable[Labelled]) -> MemoryStore:
    store = MemoryStore(KINDS, reach=PLAN.reach, lateness=LATENESS)
    for transaction, fraud in events:
        store.add(transaction, {})
        if fraud is not None:
            store.label(transaction.id, fraud=fraud)
    return store


def fill_speed(events: int) -> float:
    transactions = list(spread(events))
    start = time.perf_counter()
    filled(transactions)
    return events / (time.perf_counter() - start)


def bytes_per_event(events: int) -> float:
    """Of the process: also what the allocator wastes."""
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    store = filled(spread(events))
    return float(process.memory_info().rss - before) / len(store)


def shop_p99(events: int) -> float:
    store, times = filled(of_one_shop(events)), []
    for number in range(ADDED):
        transaction, start = later(number, "shop"), time.perf_counter()
        store.add(transaction, PLAN.windows)
        times.append(1e6 * (time.perf_counter() - start))
    return float(np.percentile(times, 99))


SHORT, LONG = (1_000, 2_000), (100_000, 1_000_000)
ROWS = (
    Row("fill-memory", "filling the embedded store", "events", "events/s", SHORT, LONG, fill_speed),
    Row(
        "bytes-memory",
        "memory of an event in the embedded store, as many cards as events",
        "events",
        "bytes",
        SHORT,
        LONG,
        bytes_per_event,
    ),
    Row(
        "shop-p99-memory",
        "the 99th percentile of adding one, all events in the shop's windows",
        "events",
        "µs",
        SHORT,
        (1_000, 1_000_000),
        shop_p99,
    ),
)
