"""The history of one entity: its transactions in order of time, with running totals."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
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
_NOTHING = Seen(0, 0, 0, None, None)
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

    def insert(self, slot: int, time: int, units: int, events: Events) -> int:
        """Record a transaction after all those with its time; its place."""
        slots, totals = self._slots, self._totals
        place = self.place_of_new(time, events)
        before = totals[place - 1] if place else 0
        if place == len(slots):
            slots.append(slot)
            totals.append(before + units)
            return place
        slots.insert(place, slot)
        totals.insert(place, before)
        np.frombuffer(totals, dtype=np.int64)[place:] += units
        return place

    def place_of_new(self, time: int, events: Events) -> int:
        """Where a transaction of this time would be inserted."""
        slots = self._slots
        if len(slots) == self._first or events.times[slots[-1]] <= time:
            return len(slots)
        return bisect_right(slots, time, self._first, key=events.time_at)

    def place_of(self, slot: int, events: Events) -> int:
        """Where a recorded transaction is."""
        time = events.times[slot]
        place = bisect_left(self._slots, time, self._first, key=events.time_at)
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
        slots, totals, frauds = self._slots, self._totals, self._frauds
        first, key = self._first, events.time_at
        here = place if new is not None else place + 1
        seen, span, start, delay, end, until = [], 0, here, 0, here, 0
        for before, after in windows:
            if after != delay:
                delay = after
                end = bisect_right(slots, time - after, first, here, key=key)
                until = bisect_right(frauds, time - after, key=key) if frauds else 0
                span, start = 0, end
            # Of windows that end together, a longer one starts no later than a shorter one.
            highest = start if before >= span else end
            span, start = before, bisect_right(slots, time - before, first, highest, key=key)
            size = end - start
            units = totals[end - 1] - (totals[start - 1] if start else 0) if size else 0
            if not after:
                counted = (size, units) if new is None else (size + 1, units + new)
                seen.append(_seen((*counted, 0, None, None)))
            elif not size:
                seen.append(_NOTHING)
            else:
                since = bisect_right(frauds, time - before, 0, until, key=key) if until else 0
                last = key(frauds[until - 1]) if until > since else None
                genuine = self._last_genuine(start, end, until, events)
                seen.append(_seen((size, units, until - since, last, genuine)))
        return seen

    def _last_genuine(self, start: int, end: int, until: int, events: Events) -> int | None:
        """The time of the last transaction in `[start, end)`, not empty, without a known fraud.

        Neither end is between two of the same time; `until` is how many frauds are before `end`.
        """
        slots, frauds, key = self._slots, self._frauds, events.time_at
        if events.labels[slots[end - 1]] != FRAUD:
            return key(slots[end - 1])

        def only_frauds_from(place: int) -> bool:
            time = key(slots[place])
            since = bisect_left(frauds, time, 0, until, key=key)
            return end - bisect_left(slots, time, start, end, key=key) == until - since

        place = bisect_left(range(end), True, start, end, key=only_frauds_from)
        return key(slots[place - 1]) if place > start else None

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
        key = events.time_at
        self._frauds.insert(bisect_right(self._frauds, events.times[slot], key=key), slot)

    def unmark_fraud(self, slot: int) -> None:
        self._frauds.remove(slot)

    def expire(self, horizon: int, events: Events) -> None:
        """Drop the transactions before a time; their slots are not read again."""
        key = events.time_at
        first = bisect_left(self._slots, horizon, self._first, key=key)
        if self._frauds:
            del self._frauds[: bisect_left(self._frauds, horizon, key=key)]
        self._first = first
        if first > _COMPACT_AT and first > len(self._slots) // 2:
            base = self._totals[first - 1]
            del self._slots[:first], self._totals[:first]
            np.frombuffer(self._totals, dtype=np.int64)[:] -= base
            self._first = 0
