"""The embedded store: histories in arrays of this process, as far back as features look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from features.amounts import units_of
from features.online import Seen, Transaction, Window
from features.stores.events import FRAUD, GENUINE, NO_OWNER, UNKNOWN, Events
from features.stores.history import History
from features.stores.outcomes import (
    Answer,
    Conflict,
    LabelOutcome,
    OutOfRange,
    Past,
)

_SWEPT_PER_ADD = 2
"""Slots examined for expiry whenever one is filled: twice as fast as they fill."""


class MemoryStore:
    """Transactions and labels in memory; what is older than `reach` and `lateness` is forgotten.

    The clock is the newest transaction's time and no other, so that a replay gives the same.
    """

    def __init__(
        self, kinds: Sequence[str], *, reach: int, lateness: int, hash_key: bytes = b""
    ) -> None:
        """`kinds` of entities, in the order of a transaction's `entities`; times in microseconds.

        `reach` is how far before a transaction its features look, and `lateness` how long after a
        newer one a transaction may come.
        """
        self.kinds = tuple(kinds)
        self.reach, self.lateness = reach, lateness
        self.newest: int | None = None
        self._events = Events(len(self.kinds), hash_key)
        self._numbers: tuple[dict[str, History], ...] = tuple({} for _ in self.kinds)
        self._histories: tuple[list[History | None], ...] = tuple([None] for _ in self.kinds)
        self._free_numbers: tuple[list[int], ...] = tuple([] for _ in self.kinds)
        self._swept = 0

    def __len__(self) -> int:
        """Transactions that are kept."""
        return len(self._events)

    def entities(self, kind: str) -> int:
        """How many entities of a kind have a history."""
        return len(self._numbers[self.kinds.index(kind)])

    @property
    def oldest_accepted(self) -> int | None:
        """The earliest time of a transaction whose windows are still kept whole."""
        return None if self.newest is None else self.newest - self.lateness

    def add(self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]) -> Answer:
        """Record a transaction once, and say what its windows hold.

        Raises ValueError for an amount that cannot be counted, OutOfRange for a time before
        `oldest_accepted`, and Conflict where the id was recorded with another time, amount or
        entity.
        """
        units, hash_ = self._checked(transaction), self._events.hash_of(transaction.id)
        slot = self._events.find(hash_)
        if slot is not None:
            return self._answer_again(slot, transaction, units, windows)
        for history in self._found(transaction):
            if history is not None:
                history.refuse(units)
        histories = [
            None if name is None else self._history(kind, name)
            for kind, name in enumerate(transaction.entities)
        ]
        if any(history is not None for history in histories):
            owners = [NO_OWNER if history is None else history.number for history in histories]
            slot = self._events.add(hash_, transaction.time, owners)
            for history in histories:
                if history is not None:
                    history.insert(slot, units, self._events)
        if self.newest is None or transaction.time > self.newest:
            self.newest = transaction.time
        answer = self._answer(histories, slot, transaction, windows, None)
        self._sweep(self.newest - self.lateness - self.reach)
        return answer

    def peek(self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]) -> Answer:
        """What `add` would say, without recording anything. Raises the same."""
        units, hash_ = self._checked(transaction), self._events.hash_of(transaction.id)
        slot = self._events.find(hash_)
        if slot is not None:
            return self._answer_again(slot, transaction, units, windows)
        histories = [
            History(NO_OWNER, name) if history is None and name is not None else history
            for history, name in zip(self._found(transaction), transaction.entities, strict=True)
        ]
        return self._answer(histories, None, transaction, windows, units)

    def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome:
        """Record whether a transaction was a fraud. Effective at once in every window that holds
        the transaction; a window that ends before the label delay never holds it too early.
        """
        events = self._events
        slot = events.find(events.hash_of(transaction_id))
        if slot is None or self._is_expired(events.times[slot]):
            return LabelOutcome("unknown", None)
        time, before = events.times[slot], events.labels[slot]
        if before == (FRAUD if fraud else GENUINE):
            return LabelOutcome("repeated", time)
        if fraud:
            for history in self._owners(slot):
                if history is not None:
                    history.mark_fraud(slot, events)
        elif before == FRAUD:
            for history in self._owners(slot):
                if history is not None:
                    history.unmark_fraud(slot)
        events.labels[slot] = FRAUD if fraud else GENUINE
        return LabelOutcome("recorded" if before == UNKNOWN else "reversed", time)

    def past(self, kind: str, name: str, limit: int) -> list[Past]:
        """The newest transactions of an entity, newest first; none if it is not known."""
        history = self._numbers[self.kinds.index(kind)].get(name)
        return [] if history is None else history.past(limit, self._events)

    def _checked(self, transaction: Transaction) -> int:
        units = units_of(transaction.amount)
        oldest = self.oldest_accepted
        if oldest is not None and transaction.time < oldest:
            raise OutOfRange(transaction.time, oldest)
        return units

    def _answer_again(
        self,
        slot: int,
        transaction: Transaction,
        units: int,
        windows: Mapping[str, tuple[Window, ...]],
    ) -> Answer:
        events, histories = self._events, self._found(transaction)
        owners = self._owners(slot)
        if events.times[slot] != transaction.time or owners != histories:
            raise Conflict(transaction.id)
        owner = next(history for history in owners if history is not None)
        if owner.units_at(owner.place_of(slot, events)) != units:
            raise Conflict(transaction.id)
        return self._answer(histories, slot, transaction, windows, None)._replace(repeated=True)

    def _answer(
        self,
        histories: Sequence[History | None],
        slot: int | None,
        transaction: Transaction,
        windows: Mapping[str, tuple[Window, ...]],
        new: int | None,
    ) -> Answer:
        """`new` are the units of a transaction that is not recorded; else it is in `slot`."""
        seen: dict[str, list[Seen] | None] = {}
        for kind, history in zip(self.kinds, histories, strict=True):
            of_kind = windows.get(kind)
            if of_kind is None:
                continue
            if history is None:
                seen[kind] = None
                continue
            if slot is None:
                place = history.place_of_new(transaction.time, self._events)
            else:
                place = history.place_of(slot, self._events)
            seen[kind] = history.seen(of_kind, transaction.time, place, new, self._events)
        return Answer(seen, repeated=False)

    def _history(self, kind: int, name: str) -> History:
        history = self._numbers[kind].get(name)
        if history is None:
            histories = self._histories[kind]
            if self._free_numbers[kind]:
                number = self._free_numbers[kind].pop()
            else:
                number = len(histories)
                histories.append(None)
            history = histories[number] = self._numbers[kind][name] = History(number, name)
        return history

    def _found(self, transaction: Transaction) -> list[History | None]:
        """The histories that there are, by kind."""
        return [
            None if name is None else numbers.get(name)
            for name, numbers in zip(transaction.entities, self._numbers, strict=True)
        ]

    def _owners(self, slot: int) -> list[History | None]:
        """The histories that hold a recorded transaction, by kind."""
        return [
            histories[column[slot]]
            for column, histories in zip(self._events.owners, self._histories, strict=True)
        ]

    def _is_expired(self, time: int) -> bool:
        return self.newest is not None and time < self.newest - self.lateness - self.reach

    def _sweep(self, horizon: int) -> None:
        """Forget transactions before a time, a few at a time, so that no request waits for all."""
        events = self._events
        for _ in range(_SWEPT_PER_ADD):
            if not events.slots:
                return
            slot = self._swept = (self._swept + 1) % events.slots
            if events.times[slot] >= horizon or events.is_free(slot):
                continue
            for kind, column in enumerate(events.owners):
                history = self._histories[kind][column[slot]]
                if history is not None:
                    history.expire(horizon, events)
                    if history.is_empty:
                        self._forget(kind, history)
            events.remove(slot)

    def _forget(self, kind: int, history: History) -> None:
        del self._numbers[kind][history.name]
        self._histories[kind][history.number] = None
        self._free_numbers[kind].append(history.number)
