"""The histories of one process, in arrays, as far back as features look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from features.amounts import units_of
from features.online import Seen, Transaction, Window
from features.stores.events import FRAUD, GENUINE, NO_OWNER, UNKNOWN, Events
from features.stores.history import History
from features.stores.outcomes import Answer, Conflict, LabelOutcome, OutOfRange, Past

_SWEPT_PER_ADD = 2
"""Slots examined for expiry whenever one is filled: twice as fast as they fill."""
MAX_TIME = 2**62
"""Microseconds before and after 1970 that fit the arrays, windows added."""
Histories = Sequence[History | None]
Windows = Mapping[str, tuple[Window, ...]]
Record = tuple[str | int | None, ...]
"""A change as the journal has it; see `features.stores.journal`."""


def _nowhere(_: Record) -> None:
    """Where the changes of a store without a journal go."""


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
        self._horizon = -2 * MAX_TIME
        self.stated_complete: int | None = None
        self.write: Callable[[Record], None] = _nowhere
        """Called with each change before it is made; it is not made if this raises."""
        self.events = Events(len(self.kinds), hash_key)
        self._numbers: tuple[dict[str, History], ...] = tuple({} for _ in self.kinds)
        self._histories: tuple[list[History | None], ...] = tuple([None] for _ in self.kinds)
        self._free_numbers: tuple[list[int], ...] = tuple([] for _ in self.kinds)
        self._nobody = (None,) * len(self.kinds)
        self._swept = 0

    def __len__(self) -> int:
        """Transactions that are kept."""
        return len(self.events)

    def entities(self, kind: str) -> int:
        """How many entities of a kind have a history."""
        return len(self._numbers[self.kinds.index(kind)])

    @property
    def oldest_accepted(self) -> int | None:
        """The earliest time of a transaction whose windows are still kept whole."""
        return None if self.newest is None else self.newest - self.lateness

    @property
    def complete_since(self) -> int | None:
        """Every transaction from then on was recorded, and is kept; None if nobody said so."""
        if self.stated_complete is None:
            return None
        return max(self.stated_complete, self._horizon)

    def advance(self, newest: int) -> None:
        """Set the clock; what is then older than reach and lateness is expired."""
        self.newest, self._horizon = newest, newest - self.lateness - self.reach

    def keep(self, reach: int) -> bool:
        """As `Store.keep`; whether it is further than before."""
        if reach <= self.reach:
            return False
        self.stated_complete, self.reach = self.complete_since, reach
        if self.newest is not None:
            self.advance(self.newest)
        return True

    def complete_from(self, time: int) -> None:
        """State that every transaction from a time on was recorded."""
        if self.stated_complete is None or time < self.stated_complete:
            self.write(("c", time))
            self.stated_complete = time

    def add(self, transaction: Transaction, windows: Windows) -> Answer:
        """Record a transaction once, and say what its windows hold.

        Raises ValueError for an amount or time that cannot be counted, OutOfRange for a time before
        `oldest_accepted`, and Conflict where the id was recorded with another time, amount or
        entity.
        """
        units, hash_ = self._checked(transaction), self.events.hash_of(transaction.id)
        slot = self._find(hash_)
        if slot is not None:
            return self._answer_again(slot, transaction, units, windows)
        histories, places = self._record(transaction, hash_, units, UNKNOWN)
        answer = self._answer(histories, places, transaction.time, windows, None)
        self._sweep()
        return answer

    def peek(self, transaction: Transaction, windows: Windows) -> Answer:
        """What `add` would say, without recording anything. Raises the same."""
        units, hash_ = self._checked(transaction), self.events.hash_of(transaction.id)
        slot = self._find(hash_)
        if slot is not None:
            return self._answer_again(slot, transaction, units, windows)
        histories = self._found(transaction)
        for kind, name in enumerate(transaction.entities):
            if histories[kind] is None and name is not None:
                histories[kind] = History(NO_OWNER, name)
        places = [
            0 if history is None else history.place_of_new(transaction.time, self.events)
            for history in histories
        ]
        return self._answer(histories, places, transaction.time, windows, units)

    def load(self, transaction: Transaction, *, fraud: bool | None) -> bool:
        """Record a transaction of the past with its label, if it is still kept; whether it is new.

        Raises as `add`, but not OutOfRange.
        """
        units, hash_ = self._counted(transaction), self.events.hash_of(transaction.id)
        if transaction.time < self._horizon:
            return False
        slot = self._find(hash_)
        if slot is None:
            label = UNKNOWN if fraud is None else FRAUD if fraud else GENUINE
            self._record(transaction, hash_, units, label)
            self._sweep()
            return True
        self._refuse_conflict(slot, transaction, units)
        if fraud is not None:
            self._label(slot, fraud)
        return False

    def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome:
        """Record whether a transaction was a fraud. Effective at once in every window that holds
        the transaction; a window that ends before the label delay never holds it too early.
        """
        slot = self._find(self.events.hash_of(transaction_id))
        return LabelOutcome("unknown", None) if slot is None else self._label(slot, fraud)

    def past(self, kind: str, name: str, limit: int) -> list[Past]:
        """The newest transactions of an entity, newest first; none if it is not known."""
        history = self._numbers[self.kinds.index(kind)].get(name)
        if history is None:
            return []
        history.expire(self._horizon, self.events)
        return history.past(limit, self.events)

    def adopt(self, kind: int, history: History) -> None:
        """Take over the history with the next number of its kind."""
        self._histories[kind].append(history)
        self._numbers[kind][history.name] = history

    def _label(self, slot: int, fraud: bool) -> LabelOutcome:
        events, label = self.events, FRAUD if fraud else GENUINE
        time, before = events.times[slot], events.labels[slot]
        if before == label:
            return LabelOutcome("repeated", time)
        self.write(("l", events.hashes[slot], time, label))
        events.labels[slot] = label
        for history in self._owners(slot):
            if history is not None and fraud:
                history.mark_fraud(slot, events)
            elif history is not None and before == FRAUD:
                history.unmark_fraud(slot)
        return LabelOutcome("recorded" if before == UNKNOWN else "reversed", time)

    def _counted(self, transaction: Transaction) -> int:
        """The amount in units."""
        if not -MAX_TIME < transaction.time < MAX_TIME:
            raise ValueError("the time is too far from 1970 to be counted in microseconds")
        return units_of(transaction.amount)

    def _checked(self, transaction: Transaction) -> int:
        """As `_counted`, of a transaction that is not too old."""
        if self.newest is not None and transaction.time < self.newest - self.lateness:
            raise OutOfRange(transaction.time, self.newest - self.lateness)
        return self._counted(transaction)

    def _record(
        self, transaction: Transaction, hash_: int, units: int, label: int
    ) -> tuple[Histories, Sequence[int]]:
        """The histories that now hold a new transaction, and its place in each."""
        time, names, events = transaction.time, transaction.entities, self.events
        histories = self._found(transaction)
        for history in histories:
            if history is not None:
                history.refuse(units)
        if names == self._nobody:  # it is in no history, and moves no clock
            return histories, [0 for _ in names]
        self.write(("t", hash_, time, units, label, *names))
        if self.newest is None or time > self.newest:
            self.advance(time)
        for kind, name in enumerate(names):
            if histories[kind] is None and name is not None:
                histories[kind] = self._new_history(kind, name)
        owners = [NO_OWNER if history is None else history.number for history in histories]
        slot = events.add(hash_, time, owners, label)
        places = [
            0 if history is None else history.insert(slot, time, units, events)
            for history in histories
        ]
        if label == FRAUD:
            for history in histories:
                if history is not None:
                    history.mark_fraud(slot, events)
        return histories, places

    def _refuse_conflict(
        self, slot: int, transaction: Transaction, units: int
    ) -> tuple[Histories, Sequence[int]]:
        """The histories that hold the transaction of a slot, and its place in each.

        Raises Conflict if the slot's is another one with the same id.
        """
        events, owners = self.events, self._owners(slot)
        if events.times[slot] != transaction.time or owners != self._found(transaction):
            raise Conflict(transaction.id)
        places = [0 if each is None else each.place_of(slot, events) for each in owners]
        for owner, place in zip(owners, places, strict=True):
            if owner is not None and owner.units_at(place) != units:
                raise Conflict(transaction.id)
        return owners, places

    def _answer_again(
        self, slot: int, transaction: Transaction, units: int, windows: Windows
    ) -> Answer:
        owners, places = self._refuse_conflict(slot, transaction, units)
        answer = self._answer(owners, places, transaction.time, windows, None)
        return answer._replace(repeated=True)

    def _answer(
        self,
        histories: Histories,
        places: Sequence[int],
        time: int,
        windows: Windows,
        new: int | None,
    ) -> Answer:
        """`new` are the units of a transaction that is not recorded; else it is at `places`."""
        seen: dict[str, list[Seen] | None] = {}
        for kind, history, place in zip(self.kinds, histories, places, strict=True):
            if kind in windows:
                seen[kind] = (
                    None
                    if history is None
                    else history.seen(windows[kind], time, place, new, self.events)
                )
        return Answer(seen, repeated=False)

    def _new_history(self, kind: int, name: str) -> History:
        histories = self._histories[kind]
        if self._free_numbers[kind]:
            number = self._free_numbers[kind].pop()
        else:
            number = len(histories)
            histories.append(None)
        history = histories[number] = self._numbers[kind][name] = History(number, name)
        return history

    def _find(self, hash_: int) -> int | None:
        """The slot of the transaction with this hash of its id, unless it is expired.

        Whether expired ones were swept already must not be seen from outside.
        """
        slot = self.events.find(hash_)
        if slot is not None and self.events.times[slot] < self._horizon:
            self._drop(slot)
            return None
        return slot

    def _found(self, transaction: Transaction) -> list[History | None]:
        """The histories that there are, by kind."""
        return [
            None if name is None else numbers.get(name)
            for numbers, name in zip(self._numbers, transaction.entities, strict=True)
        ]

    def _owners(self, slot: int) -> Histories:
        """The histories that hold a recorded transaction, by kind."""
        return [
            histories[column[slot]]
            for column, histories in zip(self.events.owners, self._histories, strict=True)
        ]

    def _sweep(self) -> None:
        """Forget what is expired, a few at a time, so that no request waits for all."""
        events, slots = self.events, self.events.slots
        for slot in range(self._swept, min(self._swept + _SWEPT_PER_ADD, slots)):
            if events.times[slot] < self._horizon and not events.is_free(slot):
                self._drop(slot)
        self._swept = self._swept + _SWEPT_PER_ADD if self._swept + _SWEPT_PER_ADD < slots else 0

    def _drop(self, slot: int) -> None:
        """Forget an expired transaction, and with it all that are in its histories."""
        for kind, history in enumerate(self._owners(slot)):
            if history is not None:
                history.expire(self._horizon, self.events)
                if history.is_empty:
                    self._forget(kind, history)
        self.events.remove(slot)

    def _forget(self, kind: int, history: History) -> None:
        del self._numbers[kind][history.name]
        self._histories[kind][history.number] = None
        self._free_numbers[kind].append(history.number)
