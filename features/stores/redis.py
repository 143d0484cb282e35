"""The store for many pods: histories in a Redis server or cluster, each entity on one node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from features.online import Seen, Transaction, Window
from features.stores.breaker import Breaker
from features.stores.outcomes import Answer, Conflict, LabelOutcome, OutOfRange, Past
from features.stores.redis_client import Call, RedisClient
from features.stores.redis_fill import Filler
from features.stores.redis_id_scripts import CLAIM, LABEL, RELEASE
from features.stores.redis_layout import (
    RECORD,
    Entity,
    Layout,
    Recorded,
    amount_bytes,
    checked_units,
    counted,
    head,
    id_record,
    past,
    seen,
    settings,
    whole_seconds,
)
from features.stores.redis_scripts import ADD, MARK, REMOVE
from features.stores.redis_stats import COMPLETE_KEY, KEPT_KEY, stats
from features.stores.store import Stats

_BULK_TIMEOUT_MS = 30_000
_UNTIL_ALL_KEEP = 60_000_000
"""Microseconds in which all processes have asked for how long others keep transactions."""


class RedisStore:
    """Transactions and labels in Redis; what is older than `reach` and `lateness` is forgotten.

    The clock of an entity is its newest transaction. Redis itself forgets an entity, by its own
    clock, when that long has gone by without a transaction of it.
    """

    def __init__(
        self,
        url: str,
        kinds: Sequence[str],
        *,
        reach: int,
        lateness: int,
        hash_key: bytes = b"",
        connect_timeout_ms: int = 500,
        timeout_ms: int = 100,
        failures: int = 5,
        open_seconds: float = 2.0,
    ) -> None:
        """As for `MemoryStore`; all processes need the same `kinds` and `hash_key`.

        `url` is `redis://` or `rediss://`, as redis-py takes it; `cluster=true` in its query is for
        a cluster, and `login=entra` for Microsoft Entra ID. A request that waits longer than
        `timeout_ms`, and `connect_timeout_ms` where it has to connect, raises StoreUnavailable.
        After so many `failures` in a row, all do for `open_seconds`, without waiting.

        Raises ValueError for a URL that is not one of Redis.
        """
        self.kinds = tuple(kinds)
        self.lateness = lateness
        self._layout = Layout(self.kinds, hash_key)
        self._keep_for(reach + lateness)
        self._client = RedisClient(
            url,
            connect_timeout_ms=connect_timeout_ms,
            timeout_ms=timeout_ms,
            breaker=Breaker(failures=failures, seconds=open_seconds),
        )
        # A batch takes longer than a request, and nobody waits for it.
        self._bulk = RedisClient(
            url,
            connect_timeout_ms=_BULK_TIMEOUT_MS,
            timeout_ms=_BULK_TIMEOUT_MS,
            breaker=Breaker(failures=1, seconds=0),
        )

    async def add(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer:
        """As `Store.add`. It takes one round trip, and a second one in these cases: Redis does not
        know the scripts; something was refused, and what another entity recorded is taken back; a
        label came before an entity that had been left out.

        A time is out of range if it is older than the newest of one of its own entities by more
        than `lateness`. Until it is taken back, a refused transaction is part of a history; if this
        process ends before that, it stays there until it is sent again.
        """
        return await self._ask(transaction, windows, is_dry=False)

    async def peek(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer:
        """As `Store.peek`."""
        return await self._ask(transaction, windows, is_dry=True)

    async def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome:
        """As `Store.label`; two round trips, the first to find the transaction."""
        bucket, id_ = self._layout.of_id(transaction_id)
        arguments = (self._keep, self._seconds, self._layout.id_bytes, id_, 1 if fraud else 2)
        (reply,) = await self._client.call([Call(LABEL, (bucket,), arguments)])
        if not reply:
            return LabelOutcome("unknown", None)
        before, kept = reply[0], self._layout.recorded(reply[1:])
        # Also where it is there already: whoever sent it first may not have come this far.
        await self._mark(kept, kept.entities)
        time = int.from_bytes(kept.time, signed=True)
        if before == kept.label:
            return LabelOutcome("repeated", time)
        return LabelOutcome("reversed" if before else "recorded", time)

    async def past(self, kind: str, name: str, limit: int) -> list[Past]:
        """As `Store.past`."""
        entity, first = self._layout.entity(kind, name), -(RECORD * limit + 8)
        (history,) = await self._client.command(("GETRANGE", entity.key, first, -1))
        return past(history, limit, self._keep)

    async def load(self, transactions: Iterable[tuple[Transaction, bool | None]]) -> int:
        """As `Store.load`. One whose id has another time, amount or entity is left out, too."""
        return await Filler(self._bulk, self._layout, keep=self._keep).fill(transactions)

    async def stats(self) -> Stats:
        """As `Store.stats`; `bytes` are those of all that the servers hold.

        It goes through all keys: some seconds for a million of them.
        """
        return await stats(self._bulk, self._layout)

    async def complete_from(self, time: int) -> None:
        """As `Store.complete_from`; an earlier time that was stated before holds."""
        before = await self.complete_since()
        if before is None or time < before:
            await self._client.command(("SET", COMPLETE_KEY, time))

    async def complete_since(self) -> int | None:
        """As `Store.complete_since`."""
        (complete,) = await self._client.command(("GET", COMPLETE_KEY))
        return None if complete is None else int(complete)

    async def keep(self, reach: int, newest: int) -> None:
        """As `Store.keep`; also as far back as any other process says, so that none forgets what
        others need. One that has not asked yet may forget what is older than it keeps itself.
        """
        longest = max(self._keep, reach + self.lateness)
        (kept,) = await self._client.command(("GET", KEPT_KEY))
        before = self._keep if kept is None else int(kept)
        if before < longest:
            complete = await self.complete_since()
            if complete is not None:
                whole = max(complete, newest - before + _UNTIL_ALL_KEEP)
                await self._client.command(("SET", COMPLETE_KEY, whole))
        if kept is None or before < longest:
            await self._client.command(("SET", KEPT_KEY, longest))
        self._keep_for(max(before, longest))

    def _keep_for(self, microseconds: int) -> None:
        self._keep, self._seconds = microseconds, whole_seconds(microseconds)

    async def close(self) -> None:
        """Let go of the connections; Redis keeps what it has."""
        await self._client.close()
        await self._bulk.close()

    async def _ask(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]], *, is_dry: bool
    ) -> Answer:
        units = checked_units(transaction)
        entities = self._layout.entities(transaction)
        known = [
            (kind, entity)
            for kind, entity in zip(self.kinds, entities, strict=True)
            if entity is not None
        ]
        found: dict[str, list[Seen] | None] = dict.fromkeys(
            each for each in self.kinds if each in windows
        )
        if not known:
            return Answer(found, repeated=False)
        bucket, id_ = self._layout.of_id(transaction.id)
        start = head(transaction.time, 0, id_)
        record, claim = start + amount_bytes(units), id_record(start, entities)
        limits = (self._keep, self._seconds)
        calls = [Call(CLAIM, (bucket,), (*limits, len(claim), int(is_dry), counted(claim)))]
        for kind, entity in known:
            of_kind = windows.get(kind, ())
            told = settings(of_kind, self.lateness, *limits, is_dry)
            calls.append(Call(ADD, (entity.key,), (record, told)))
        claimed, *replies = await self._client.call(calls)

        kept, statuses = self._layout.recorded(claimed[1:]), [reply[:1] for reply in replies]
        if claimed[:1] == b"C" or {b"C", b"O", b"T"} & set(statuses):
            if not is_dry:
                # What another pod recorded, or will in a moment, unless the amount is another.
                theirs = kept.entities if kept.time == start[:7] else ()
                is_own = claimed[:1] != b"C" or b"C" in statuses
                taken = [
                    Call(REMOVE, (entity.key,), (record, self._seconds))
                    for (_, entity), status in zip(known, statuses, strict=True)
                    if (status == b"N" and (is_own or entity not in theirs))
                    # It was sent before, and whoever sent it did not come as far as here.
                    or (status == b"R" and entity not in theirs)
                ]
                if claimed[:1] == b"N":
                    taken.append(Call(RELEASE, (bucket,), (claim, self._seconds)))
                await self._client.call(taken)
            raise _refusal(transaction, claimed, replies)
        new = [entity for (_, entity), each in zip(known, statuses, strict=True) if each == b"N"]
        if kept.label and not is_dry:
            await self._mark(kept, new)
        for (kind, _), reply in zip(known, replies, strict=True):
            if kind in windows:
                found[kind] = seen(reply[1:], windows[kind], transaction.time, units)
        return Answer(found, repeated=not new)

    async def _mark(self, kept: Recorded, entities: Iterable[Entity | None]) -> None:
        record = kept.time + bytes((kept.label,)) + kept.id
        calls = [
            Call(MARK, (entity.key,), (record, self._seconds))
            for entity in entities
            if entity is not None
        ]
        await self._client.call(calls)


def _refusal(transaction: Transaction, claimed: bytes, replies: Sequence[bytes]) -> ValueError:
    oldest = [int.from_bytes(reply[1:], signed=True) for reply in replies if reply[:1] == b"O"]
    if oldest:
        return OutOfRange(transaction.time, max(oldest))
    if claimed[:1] == b"C" or any(reply[:1] == b"C" for reply in replies):
        return Conflict(transaction.id)
    return ValueError("the amounts of this entity add up to more than can be counted")
