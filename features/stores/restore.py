"""The histories in memory, made of a table at once: a hundred times faster than by adding."""

from __future__ import annotations

import numpy as np

from features.stores.events import FRAUD
from features.stores.history import History
from features.stores.memory import MemoryStore
from features.stores.table import Table


def restored(table: Table) -> MemoryStore:
    """A store that answers as one that recorded what the table holds."""
    head = table.head
    store = MemoryStore(
        head.kinds,
        reach=head.reach,
        lateness=head.lateness,
        hash_key=bytes.fromhex(head.hash_key),
    )
    if table.newest is not None:
        store.advance(table.newest)
    store.stated_complete = table.complete_since
    store.events.fill(table.times, table.labels, table.hashes, table.owners)
    frauds = np.flatnonzero(table.labels == FRAUD).tolist()
    for kind, (owners, names) in enumerate(zip(table.owners, table.names, strict=True)):
        histories = _histories(owners, table, names)
        for history in histories:
            store.adopt(kind, history)
        for slot in frauds:
            if owners[slot]:
                histories[owners[slot] - 1].mark_fraud(slot, store.events)
    return store


def _histories(owners: np.ndarray, table: Table, names: list[str]) -> list[History]:
    """Those of one kind, by number from 1."""
    order = np.argsort(owners, kind="stable")
    counts = np.bincount(owners, minlength=len(names) + 1)
    ends = np.cumsum(counts)
    # Totals over all entities may overflow; their differences are right all the same.
    totals = np.cumsum(table.units[order])
    before = np.concatenate([[0], totals])[ends - counts]
    totals -= np.repeat(before, counts)
    slots = order.astype(np.uint32)
    result = []
    for number, name in enumerate(names, 1):
        history = History(number, name)
        rows = slice(ends[number - 1], ends[number])
        history.fill(slots[rows].tobytes(), totals[rows].tobytes())
        result.append(history)
    return result
