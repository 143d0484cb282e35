"""The interface of a store, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from features.online import Transaction, Window
from features.stores.outcomes import Answer, LabelOutcome, Past


class StoreUnavailable(Exception):
    """The store does not answer, or not in time; what was asked may have been recorded or not.

    To send the same transaction or label again is safe: it counts once.
    """


@dataclass(frozen=True)
class Stats:
    """What a store holds; times in microseconds, None while it is empty.

    `complete_since`: every transaction from then on was recorded, as far as the store was told.
    `bytes` are those of its memory, where the store knows them.
    """

    transactions: int
    entities: Mapping[str, int]
    newest: int | None
    complete_since: int | None
    bytes: int | None


class Store(Protocol):
    """Transactions by entity and time, kept as far back as features look.

    Every method raises StoreUnavailable where the store is away.
    """

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of entities, in the order of a transaction's `entities`."""

    @property
    def lateness(self) -> int:
        """How many microseconds older than the newest transaction one may be."""

    async def add(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer:
        """Record a transaction once, and say what its windows hold.

        `windows` are by kind of entity, as in `Plan.windows`. Raises ValueError for an amount that
        cannot be counted, OutOfRange for a transaction older than what is kept, and Conflict where
        the id was recorded with another time, amount or entity; nothing is recorded then.
        """

    async def peek(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer:
        """What `add` would say, without recording anything. Raises the same."""

    async def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome:
        """Record whether a transaction was a fraud.

        The label is effective at once in every window that holds the transaction; a window that
        ends before the label delay does not hold it too early.
        """

    async def past(self, kind: str, name: str, limit: int) -> list[Past]:
        """The newest transactions of an entity, newest first; none if it is not known."""

    async def load(self, transactions: Iterable[tuple[Transaction, bool | None]]) -> int:
        """Record many transactions with their labels, None where not known: many at a time, without
        what their windows hold. Returns how many were new; those older than what is kept are left
        out. It can be interrupted and repeated.

        Raises NotLoaded for a transaction that cannot be recorded, for the reasons of `add`.
        """

    async def stats(self) -> Stats:
        """What the store holds now."""

    async def complete_from(self, time: int) -> None:
        """State that every transaction from a time on was recorded: a load began there."""

    async def complete_since(self) -> int | None:
        """As `Stats.complete_since`, at the cost of one request."""

    async def keep(self, reach: int, newest: int) -> None:
        """Keep transactions as far back as `reach` from now on, unless it is further already.

        The store is complete only from what it had kept before: `newest` is the time of the newest
        transaction, for a store that does not know it.
        """

    async def close(self) -> None:
        """Bring everything to where it is kept, and let go of it."""
