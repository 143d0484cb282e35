"""The history of one entity: its transactions in order of time, with running totals."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import partial

import numpy as np

from features.amounts import MAX_TOTAL_UNITS
from features.online import Seen, Window
from features.stores.events import FRAUD, GENUINE, UNKNOWN, Events
from features.stores.outcomes import Past

_COMPACT_AT = 32
"""Expired transactions in front of a history before the arrays are moved together."""
_NONE = array("I")
"""The frauds of all entities that have none: few have any. Never changed."""
_seen = partial(tuple.__new__, Seen)
"""As `Seen._make`, in half the time."""
_FRAUD_OF = {UNKNOWN: None, GENUINE: False, FRAUD: True}


class History:
    """What one card or terminal did; a transaction has four bytes here, and eight for its total.

    Arrays are in order of time, and of arrival where times are equal. Those before `_first` are
    expired.
    """

    __slots__ = ("_first", "_frauds", "_slots", "_totals", "name", "number")

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name = number, name
        self._slots, self._totals = array("I"), array("q")
        self._frauds = _NONE
        self._first = 0

    @property
    def is_empty(self) -> bool:
        return len(self._slots) == self._first

    def refuse(self, units: int) -> None:
        """Raise ValueError if an amount is more than the total can take."""
        total = self._totals[-1] if self._totals else 0
        if not -MAX_TOTAL_UNITS <= total + units <= MAX_TOTAL_UNITS:
            raise ValueError("the amounts of this entity add up to more than can be counted")

    def fill(self, slots: bytes, totals: bytes) -> None:
        """Transactions in order, where there are none yet, as the bytes of the arrays."""
        self._slots.frombytes(slots)
        self._totals.frombytes(totals)

    def insert(self, slot: int, units: int, events: Events) -> int:
        """Record a transaction after all those with its time; its place."""
        place = self.place_of_new(events.times[slot], events)
        before = self._totals[place - 1] if place else 0
        if place == len(self._slots):
            self._slots.append(slot)
            self._totals.append(before + units)
            return place
        self._slots.insert(place, slot)
        self._totals.insert(place, before)
        np.frombuffer(self._totals, dtype=np.int64)[place:] += units
        return place

    def place_of_new(self, time: int, events: Events) -> int:
        """Where a transaction of this time would be inserted."""
        slots = self._slots
        if self.is_empty or events.times[slots[-1]] <= time:
            return len(slots)
        return bisect_right(slots, time, self._first, key=events.times.__getitem__)

    def place_of(self, slot: int, events: Events) -> int:
        """Where a recorded transaction is."""
        time = events.times[slot]
        place = bisect_left(self._slots, time, self._first, key=events.times.__getitem__)
        return self._slots.index(slot, place)

    def units_at(self, place: int) -> int:
        """The amount of a transaction, in 1/10,000."""
        return self._totals[place] - (self._totals[place - 1] if place else 0)

    def seen(
        self, windows: tuple[Window, ...], time: int, place: int, new: int | None, events: Events
    ) -> list[Seen]:
        """What each window holds for the transaction at `place`.

        `new` are the units of one that is not recorded: it would be inserted at `place`.
        """
        slots, totals, key = self._slots, self._totals, events.times.__getitem__
        here = place if new is not None else place + 1
        seen, span, start, delay, end = [], 0, here, 0, here
        for before, after in windows:
            if after != delay:
                delay = after
                end = bisect_right(slots, time - after, self._first, here, key=key)
                span, start = 0, end
            # Of windows that end together, a longer one starts no later than a shorter one.
            highest = start if before >= span else end
            span, start = before, bisect_right(slots, time - before, self._first, highest, key=key)
            size = end - start
            units = totals[end - 1] - (totals[start - 1] if start else 0) if size else 0
            if after:
                frauds, last = self._frauds_in(time - before, time - after, key)
                genuine = self._last_genuine(start, end, events) if size else None
                seen.append(_seen((size, units, frauds, last, genuine)))
            elif new is None:
                seen.append(_seen((size, units, 0, None, None)))
            else:
                seen.append(_seen((size + 1, units + new, 0, None, None)))
        return seen

    def _frauds_in(self, start: int, end: int, key: Callable[[int], int]) -> tuple[int, int | None]:
        """How many there are after a time up to another, and the time of the last."""
        frauds = self._frauds
        if not frauds:
            return 0, None
        last = bisect_right(frauds, end, key=key)
        first = bisect_right(frauds, start, 0, last, key=key)
        return last - first, (key(frauds[last - 1]) if last > first else None)

    def _last_genuine(self, start: int, end: int, events: Events) -> int | None:
        for place in range(end - 1, start - 1, -1):
            slot = self._slots[place]
            if events.labels[slot] != FRAUD:
                return events.times[slot]
        return None

    def past(self, limit: int, events: Events) -> list[Past]:
        """The newest transactions, newest first."""
        places = range(len(self._slots) - 1, max(self._first, len(self._slots) - limit) - 1, -1)
        return [
            Past(
                events.times[self._slots[place]],
                self.units_at(place),
                _FRAUD_OF[events.labels[self._slots[place]]],
            )
            for place in places
        ]

    def mark_fraud(self, slot: int, events: Events) -> None:
        if self._frauds is _NONE:
            self._frauds = array("I")
        key = events.times.__getitem__
        self._frauds.insert(bisect_right(self._frauds, events.times[slot], key=key), slot)

    def unmark_fraud(self, slot: int) -> None:
        self._frauds.remove(slot)

    def expire(self, horizon: int, events: Events) -> None:
        """Drop the transactions before a time; their slots are not read again."""
        key = events.times.__getitem__
        first = bisect_left(self._slots, horizon, self._first, key=key)
        if self._frauds:
            del self._frauds[: bisect_left(self._frauds, horizon, key=key)]
        self._first = first
        if first > _COMPACT_AT and first > len(self._slots) // 2:
            base = self._totals[first - 1]
            del self._slots[:first], self._totals[:first]
            np.frombuffer(self._totals, dtype=np.int64)[:] -= base
            self._first = 0
