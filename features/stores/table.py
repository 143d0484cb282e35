"""The contents of a store as columns: what a snapshot holds, and what a journal adds to it.

A restart and a compaction do the same: read the last snapshot, fold the journal's records into it,
and leave out what is expired. Rows are in order of time, and of arrival where times are equal.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from features.amounts import Ints
from features.stores.events import NO_OWNER, Hashes, Labels, Numbers


@dataclass(frozen=True)
class Head:
    """What a store is made of. It heads each segment of the journal, and each snapshot.

    `reach` and `lateness` are in microseconds, as for `MemoryStore`; `hash_key` is hexadecimal.
    """

    kinds: tuple[str, ...]
    reach: int
    lateness: int
    hash_key: str


@dataclass(frozen=True)
class Table:
    """Transactions as columns, and the names of entities; the first of a kind has the number 1."""

    head: Head
    newest: int | None
    complete_since: int | None
    times: Ints
    units: Ints
    hashes: Hashes
    labels: Labels
    owners: tuple[Numbers, ...]
    names: tuple[list[str], ...]

    @classmethod
    def empty(cls, head: Head) -> Table:
        return cls(
            head,
            newest=None,
            complete_since=None,
            times=np.empty(0, np.int64),
            units=np.empty(0, np.int64),
            hashes=np.empty(0, np.uint64),
            labels=np.empty(0, np.uint8),
            owners=tuple(np.empty(0, np.uint32) for _ in head.kinds),
            names=tuple([] for _ in head.kinds),
        )

    def arranged(self, kinds: tuple[str, ...]) -> Table:
        """The same with the kinds of entities in another order."""
        places = [self.head.kinds.index(kind) for kind in kinds]
        return replace(
            self,
            head=replace(self.head, kinds=kinds),
            owners=tuple(self.owners[place] for place in places),
            names=tuple(self.names[place] for place in places),
        )


class Fold:
    """A table and the records that came after it, in the order in which they were written."""

    def __init__(self, table: Table) -> None:
        self._start(table)

    def _start(self, table: Table) -> None:
        self._table, self._head = table, table.head
        self._newest, self._complete = table.newest, table.complete_since
        self._times, self._units = array("q"), array("q")
        self._hashes, self._labels = array("Q"), array("B")
        self._owners = tuple(array("I") for _ in table.head.kinds)
        self._numbers: tuple[dict[str | None, int], ...] = tuple(
            {None: NO_OWNER, **{name: number for number, name in enumerate(names, 1)}}
            for names in table.names
        )
        self._given: tuple[array[int], ...] = (array("Q"), array("q"), array("B"))

    @property
    def head(self) -> Head:
        """That of the last segment."""
        return self._head

    def begin(self, head: Head) -> None:
        """Go on with a segment of this head. Raises ValueError if it is one of another store."""
        if (set(head.kinds), head.hash_key) != (set(self._head.kinds), self._head.hash_key):
            raise ValueError("it belongs to another store")
        if head.kinds != self._head.kinds:
            self._start(self.table().arranged(head.kinds))
        longer = head.reach + head.lateness > self._head.reach + self._head.lateness
        if longer and self._newest is not None:
            # What the longer reach needs of the time before was forgotten then, ids included.
            self._start(self.table())
            if self._complete is not None:
                kept_from = self._newest - self._head.lateness - self._head.reach
                self._complete = max(self._complete, kept_from)
        self._head = head

    def add(self, record: list[Any]) -> None:
        """Take a record of the journal. Raises ValueError or another if it is none."""
        kind = record[0]
        if kind == "t":
            _, hash_, time, units, label, *names = record
            self._hashes.append(hash_)
            self._times.append(time)
            self._units.append(units)
            self._labels.append(label)
            for column, numbers, name in zip(self._owners, self._numbers, names, strict=True):
                column.append(numbers.setdefault(name, len(numbers)))
            if self._newest is None or time > self._newest:
                self._newest = time
        elif kind == "l":
            for column, value in zip(self._given, record[1:], strict=True):
                column.append(value)
        elif kind == "c":
            [time] = record[1:]
            self._complete = time if self._complete is None else min(self._complete, time)
        else:
            raise ValueError("its kind is unknown")

    def table(self, head: Head | None = None) -> Table:
        """The table with all records; what is expired by the last head, or by this, is left out."""
        if head is not None:
            self.begin(head)
        head, table = self._head, self._table
        times = np.concatenate([table.times, _array(self._times, np.int64)])
        owners = [
            np.concatenate([old, _array(new, np.uint32)])
            for old, new in zip(table.owners, self._owners, strict=True)
        ]
        kept = np.zeros(len(times), dtype=np.bool_)
        for column in owners:
            kept |= column != NO_OWNER
        if self._newest is not None:
            kept &= times >= self._newest - head.lateness - head.reach
        rows = np.flatnonzero(kept)
        rows = rows[np.argsort(times[rows], kind="stable")]
        times, hashes = times[rows], _joined(table.hashes, self._hashes, rows)
        labels = _joined(table.labels, self._labels, rows)
        _label(labels, times, hashes, self._given)
        units = _joined(table.units, self._units, rows)
        named = [
            _renumbered(column[rows], numbers)
            for column, numbers in zip(owners, self._numbers, strict=True)
        ]
        return Table(
            head,
            self._newest,
            self._complete,
            times,
            units,
            hashes,
            labels,
            tuple(numbers for numbers, _ in named),
            tuple(names for _, names in named),
        )


def _array(values: array[int], dtype: Any) -> Any:
    return np.frombuffer(values, dtype) if values else np.empty(0, dtype)


def _joined(old: Any, new: array[int], rows: Ints) -> Any:
    return np.concatenate([old, _array(new, old.dtype)])[rows]


def _label(labels: Labels, times: Ints, hashes: Hashes, given: Sequence[array[int]]) -> None:
    """Set the labels that were given, the last one where there are several.

    An id may be used again once its transaction has expired: the time tells the two apart.
    """
    if not len(given[0]) or not len(labels):
        return
    of, at, values = (np.array(column) for column in given)
    order = np.argsort(hashes)
    places = order[np.minimum(np.searchsorted(hashes, of, sorter=order), len(order) - 1)]
    known = (hashes[places] == of) & (times[places] == at)
    labels[places[known]] = values[known]


def _renumbered(column: Numbers, numbers: dict[str | None, int]) -> tuple[Numbers, list[str]]:
    """The same owners numbered without gaps, and their names by number from 1."""
    used = np.zeros(len(numbers), dtype=np.bool_)
    used[column] = True
    used[NO_OWNER] = False
    numbered = np.cumsum(used, dtype=np.uint32)
    numbered[NO_OWNER] = NO_OWNER
    return numbered[column], [
        name for (name, number) in numbers.items() if name is not None and used[number]
    ]
