"""Reading the ledger, against its number of entries."""

from __future__ import annotations

import tracemalloc
from typing import cast

from benchmarks.growth.ledgers import TRUST, InMemory, entries, served
from benchmarks.growth.row import Row, best_seconds
from registry.ledger.fold import fold
from registry.tracking.rest import Registry
from registry.tracking.watch import Watch, look_at_end


def fold_seconds(count: int) -> float:
    """Every third entry is a rollback."""
    versions = list(entries(count, rollbacks=True))
    return best_seconds(lambda: fold(versions, TRUST), rounds=1)


def watch_mebibytes(count: int) -> float:
    """What a pod keeps of the ledger."""
    registry = cast("Registry", InMemory(list(entries(count))))
    tracemalloc.start()
    try:
        watch = Watch(registry)
        watch.look(TRUST)
        return tracemalloc.get_traced_memory()[0] / 2**20
    finally:
        tracemalloc.stop()


def first_look_seconds(count: int) -> float:
    """The first look of a pod, at a real server."""
    with served(count) as registry:
        if look_at_end(registry, TRUST, ()) is None:
            raise RuntimeError("the newest versions do not prove the ledger's end")
        return best_seconds(lambda: look_at_end(registry, TRUST, ()), rounds=5)


def whole_look_seconds(count: int) -> float:
    """The look at everything that follows it, and is a pod's first where the end is no proof."""
    with served(count) as registry:
        return best_seconds(lambda: Watch(registry).look(TRUST), rounds=1)


def look_milliseconds(count: int) -> float:
    """A look that finds nothing new, at a real server."""
    with served(count) as registry:
        watch = Watch(registry)
        watch.look(TRUST)
        return 1e3 * best_seconds(lambda: watch.look(TRUST), rounds=10)


SHORT = (100, 200)
LONG = (1250, 2500, 5000, 10_000)

ROWS = (
    Row("fold", "folding a ledger with rollbacks", "entries", "s", SHORT, LONG, fold_seconds),
    Row(
        "ledger-memory",
        "what a pod keeps of the ledger",
        "entries",
        "MiB",
        SHORT,
        LONG,
        watch_mebibytes,
    ),
    Row("first-look", "a pod's first look", "entries", "s", SHORT, LONG, first_look_seconds),
    Row("whole-look", "a look at everything", "entries", "s", SHORT, LONG, whole_look_seconds),
    Row("look", "a look that finds nothing new", "entries", "ms", SHORT, LONG, look_milliseconds),
)
