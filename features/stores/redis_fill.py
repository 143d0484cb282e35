"""Filling Redis with many transactions: in two round trips for thousands of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from features.online import Transaction
from features.stores.outcomes import NotLoaded
from features.stores.redis_client import Argument, Call, RedisClient
from features.stores.redis_id_scripts import CLAIM, RELEASE
from features.stores.redis_layout import (
    HEAD,
    Layout,
    amount_bytes,
    checked_units,
    counted,
    head,
    id_record,
    whole_seconds,
)
from features.stores.redis_scripts import FILL, REMOVE

_BATCH = 20_000
"""Transactions in two round trips."""
_AT_ONCE = 100
"""Transactions that are prepared without a pause."""
_KEYS_PER_CALL = 50
_RECORDS_PER_KEY = 10
"""One with more of them comes again. Redis does nothing else during a call: some milliseconds."""


class _Event(NamedTuple):
    bucket: bytes
    claim: bytes
    amount: bytes
    keys: list[bytes]


class Filler:
    """One call of `Store.load`."""

    def __init__(self, client: RedisClient, layout: Layout, *, keep: int) -> None:
        self._client, self._layout = client, layout
        self._keep, self._seconds = keep, whole_seconds(keep)

    async def fill(self, transactions: Iterable[tuple[Transaction, bool | None]]) -> int:
        """As `Store.load`."""
        iterator, new = iter(transactions), 0
        recording: asyncio.Task[int] | None = None
        try:
            while batch := list(islice(iterator, _BATCH)):
                events = await self._events(batch)
                claims = await self._claim(events)
                if recording is not None:
                    new += await recording
                recording = asyncio.create_task(self._record(events, claims))
            return new + (0 if recording is None else await recording)
        finally:
            if recording is not None:
                recording.cancel()

    async def _events(self, batch: list[tuple[Transaction, bool | None]]) -> list[_Event]:
        events: list[_Event] = []
        for transaction, fraud in batch:
            if len(events) % _AT_ONCE == 0:
                # Meanwhile Redis gets the batch before this one, and works on it.
                await asyncio.sleep(0)
            if any(name is not None for name in transaction.entities):
                events.append(self._event(transaction, fraud))
        return events

    def _event(self, transaction: Transaction, fraud: bool | None) -> _Event:
        try:
            units = checked_units(transaction)
        except ValueError as error:
            raise NotLoaded(transaction, error) from error
        entities = self._layout.entities(transaction)
        bucket, id_ = self._layout.of_id(transaction.id)
        label = 0 if fraud is None else 1 if fraud else 2
        claim = id_record(head(transaction.time, label, id_), entities)
        keys = [entity.key for entity in entities if entity is not None]
        return _Event(bucket, claim, amount_bytes(units), keys)

    async def _claim(self, events: list[_Event]) -> list[bytes]:
        width = self._layout.id_bytes
        items = [(event.bucket, event.claim) for event in events]
        settings = (self._keep, self._seconds, width, 0)
        return await self._grouped(CLAIM, items, settings, 1 + width)

    async def _record(self, events: list[_Event], claims: list[bytes]) -> int:
        """How many were new. One whose id has other content is left out."""
        records = [
            (number, key, event.claim[:7] + claim[8:9] + event.claim[8:HEAD] + event.amount)
            for number, (event, claim) in enumerate(zip(events, claims, strict=True))
            if claim[:1] != b"C"
            for key in event.keys
        ]
        settings = (self._keep, self._seconds)
        items = [(key, record) for _, key, record in records]
        statuses = await self._grouped(FILL, items, settings, 1)
        new = {number for number, claim in enumerate(claims) if claim[:1] == b"N"}
        refused = {
            number
            for (number, _, _), status in zip(records, statuses, strict=True)
            # One that was there before was not too old then: the other entities need it.
            if status in (b"C", b"T") or (status == b"O" and number in new)
        }
        taken = [
            Call(REMOVE, (key,), (record, self._seconds))
            for (number, key, record), status in zip(records, statuses, strict=True)
            if number in refused and status == b"N"
        ]
        for number in refused & new:
            event = events[number]
            taken.append(Call(RELEASE, (event.bucket,), (event.claim, self._seconds)))
        await self._client.call(taken)
        return len(new - refused)

    async def _grouped(
        self,
        script: str,
        items: Sequence[tuple[bytes, bytes]],
        settings: tuple[Argument, ...],
        answer_bytes: int,
    ) -> list[bytes]:
        """What a script for many keys answers for each record, with those of a key together."""
        positions: dict[bytes, list[int]] = {}
        for position, (key, _) in enumerate(items):
            positions.setdefault(key, []).append(position)
        parts = [
            (key, of_key[at : at + _RECORDS_PER_KEY])
            for key, of_key in positions.items()
            for at in range(0, len(of_key), _RECORDS_PER_KEY)
        ]
        batches = [
            [parts[number] for number in batch]
            for batch in self._client.batches([key for key, _ in parts], _KEYS_PER_CALL)
        ]
        calls = [
            Call(
                script,
                [key for key, _ in batch],
                (
                    *settings,
                    b"".join([counted(*[items[at][1] for at in part]) for _, part in batch]),
                ),
            )
            for batch in batches
        ]
        answers = [b""] * len(items)
        for batch, reply in zip(batches, await self._client.call(calls), strict=True):
            places = [position for _, part in batch for position in part]
            for number, position in enumerate(places):
                answers[position] = reply[number * answer_bytes : (number + 1) * answer_bytes]
        return answers
