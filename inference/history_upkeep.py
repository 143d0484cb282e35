"""What the service does for its feature store beside requests, every few seconds.

It records what was answered while the store was away, has the store keep as much as models need,
and finds out from when on the store is complete.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from features.online import Transaction
from features.stores.outcomes import NotLoaded
from features.stores.store import Store, StoreUnavailable
from inference.metrics import Metrics
from registry.errors import ContractError

INTERVAL_SECONDS = 5.0
UNTIL_OPEN_SECONDS = 0.2
MAX_WAITING = 100_000
"""Transactions that wait for a store that is away: some 30 MB."""
_RECORDED_AT_ONCE = 1_000
_MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = logging.getLogger("inference")


class IncompleteHistory(ContractError):
    """The feature store does not hold all that a model's windows reach."""


class Span(NamedTuple):
    """Times in microseconds, from `since` to before `until`."""

    since: int
    until: int

    def shown(self, reach: int, *, zoned: bool) -> dict[str, datetime]:
        """What is missing and, for windows of this reach, when nothing is any more."""
        times = {"since": self.since, "until": self.until, "whole_on": self.until + reach}
        return {name: shown_time(each, zoned=zoned) for name, each in times.items()}


def shown_time(microseconds: int, *, zoned: bool) -> datetime:
    """Without an offset from UTC, where transactions are sent without one."""
    shown = _EPOCH + timedelta(microseconds=microseconds)
    return shown if zoned else shown.replace(tzinfo=None)


class Upkeep:
    """The state is shared with requests, in one event loop, and with the follower's thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.store: Store | None = None
        self.reach = 0
        """How far back the store is to keep transactions, in microseconds."""
        self.kept = 0
        """How far back it was told to."""
        self.served_reach = 0
        self._first: int | None = None
        self._newest: int | None = None
        self._complete_since: int | None = None
        self._has_looked = False
        self._waiting: deque[Transaction] = deque()

    def recorded(self, time: int) -> None:
        """Note the time of a transaction that became history."""
        if self._newest is None:
            self._first = self._newest = time
        elif time > self._newest:
            self._newest = time

    def record_later(self, transaction: Transaction) -> None:
        """Keep a transaction until the store is back; past `MAX_WAITING` count it as lost."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(transaction)
        else:
            self._metrics.history_lost.inc()

    def missing(self, reach: int) -> Span | None:
        """What windows of this reach lack of the time before the newest transaction, or before
        now; None if they are whole, or nobody has asked the store yet.
        """
        if not self._has_looked:
            return None
        newest = self._newest_time()
        until = newest if self._complete_since is None else self._complete_since
        return Span(newest - reach, until) if until > newest - reach else None

    async def run(self) -> None:
        """Do this until it is cancelled."""
        while True:
            if self.store is None:
                await asyncio.sleep(UNTIL_OPEN_SECONDS)
                continue
            try:
                await self.once(self.store)
            except StoreUnavailable as error:
                log.warning("the feature store is away: %s", error)
            except Exception:  # a fault here must not end what follows
                log.exception("the upkeep of the feature store failed")
            await asyncio.sleep(INTERVAL_SECONDS)

    async def once(self, store: Store) -> None:
        """Do it now. Raises StoreUnavailable."""
        await self.record_waiting(store)
        reach = self.reach
        await store.keep(reach, self._newest_time())
        self.kept = reach
        since = await store.complete_since()
        if since is None and self._first is not None:
            # Nobody filled it: it is as complete as the requests since then.
            since = self._first
            await store.complete_from(since)
        self._complete_since, self._has_looked = since, True
        span = self.missing(self.served_reach)
        self._metrics.history_missing.set((span.until - span.since) / _MICROSECONDS if span else 0)

    async def record_waiting(self, store: Store) -> None:
        """Record what was answered without the store. Raises StoreUnavailable."""
        while self._waiting:
            some = list(islice(self._waiting, _RECORDED_AT_ONCE))
            try:
                await store.load((each, None) for each in some)
            except NotLoaded as error:
                log.error("a transaction that was answered without history is lost: %s", error)
                self._metrics.history_lost.inc()
                self._waiting.remove(error.transaction)
                continue
            for _ in some:
                self._waiting.popleft()
            log.info("recorded %d transactions that were answered without history", len(some))

    def give_up(self) -> None:
        """Count what still waits when the process ends."""
        if self._waiting:
            log.error(
                "%d transactions that were answered without history are lost", len(self._waiting)
            )
            self._metrics.history_lost.inc(len(self._waiting))
            self._waiting.clear()

    def _newest_time(self) -> int:
        return round(time.time() * _MICROSECONDS) if self._newest is None else self._newest
