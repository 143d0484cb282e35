"""A real Redis for tests, and a store in it that is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from features.online import Transaction, Window
from features.stores.outcomes import Answer, LabelOutcome, Past
from features.stores.redis import RedisStore
from features.stores.store import Stats
from tests.components import program

DAY = 86_400_000_000


def needs_redis() -> None:
    """Skip the test, or fail it under REQUIRE_COMPONENTS, where Redis is not installed."""
    program("redis-server", "`apt-get install redis-server`")


class Waiting:
    """A RedisStore whose methods return when they are done."""

    def __init__(self, store: RedisStore, runner: asyncio.Runner) -> None:
        self.store, self._runner = store, runner

    def add(self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]) -> Answer:
        return self._runner.run(self.store.add(transaction, windows))

    def peek(self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]) -> Answer:
        return self._runner.run(self.store.peek(transaction, windows))

    def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome:
        return self._runner.run(self.store.label(transaction_id, fraud=fraud))

    def past(self, kind: str, name: str, limit: int) -> list[Past]:
        return self._runner.run(self.store.past(kind, name, limit))

    def load(self, transactions: Iterable[tuple[Transaction, bool | None]]) -> int:
        return self._runner.run(self.store.load(transactions))

    def stats(self) -> Stats:
        return self._runner.run(self.store.stats())

    def complete_from(self, time: int) -> None:
        self._runner.run(self.store.complete_from(time))

    def complete_since(self) -> int | None:
        return self._runner.run(self.store.complete_since())

    def keep(self, reach: int, newest: int) -> None:
        self._runner.run(self.store.keep(reach, newest))


@contextmanager
def redis_store(
    url: str, kinds: Sequence[str] = ("card", "shop"), **settings: Any
) -> Iterator[Waiting]:
    """A store that keeps 5 days for transactions that are up to 400 days late; no short timeout,
    so that a busy machine is not a fault.
    """
    defaults = {"reach": 5 * DAY, "lateness": 400 * DAY, "timeout_ms": 20_000}
    with asyncio.Runner() as runner:
        store = RedisStore(url, kinds, **{**defaults, **settings})
        try:
            yield Waiting(store, runner)
        finally:
            runner.run(store.close())
