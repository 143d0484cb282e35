"""Opening a store by its URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from features.online import Transaction, Window
from features.stores.memory import MemoryStore
from features.stores.outcomes import Answer, LabelOutcome, Past
from features.stores.store import Stats, Store


class _Embedded:
    def __init__(self, memory: MemoryStore) -> None:
        self._memory = memory

    @property
    def kinds(self) -> tuple[str, ...]:
        return self._memory.kinds

    async def add(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer:
        return self._memory.add(transaction, windows)

    async def peek(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer:
        return self._memory.peek(transaction, windows)

    async def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome:
        return self._memory.label(transaction_id, fraud=fraud)

    async def past(self, kind: str, name: str, limit: int) -> list[Past]:
        return self._memory.past(kind, name, limit)

    async def load(self, transactions: Iterable[tuple[Transaction, bool | None]]) -> int:
        raise NotImplementedError

    async def stats(self) -> Stats:
        raise NotImplementedError

    async def complete_from(self, time: int) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def open_store(_url: str, kinds: Sequence[str], *, reach: int, lateness: int) -> Store:
    return _Embedded(MemoryStore(kinds, reach=reach, lateness=lateness))
