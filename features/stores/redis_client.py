"""Commands to a Redis server or cluster: bounded in time, one round trip for many, clear errors."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

from redis import exceptions as errors
from redis.asyncio.cluster import RedisCluster
from redis.crc import key_slot

from features.stores.breaker import Breaker
from features.stores.redis_errors import FAILED, LOST, reason
from features.stores.redis_url import connection
from features.stores.store import StoreUnavailable

Argument = str | bytes | int


class Call(NamedTuple):
    """A script, what it reads and writes, and its arguments."""

    script: str
    keys: Sequence[bytes]
    arguments: Sequence[Argument]


class _Batch:
    """The commands of all requests of one iteration of the event loop, which are sent together.

    Half of what a request costs redis-py is the same for one command and for many.
    """

    sent: asyncio.Task[None]

    def __init__(self) -> None:
        self.commands: list[tuple[Argument, ...]] = []
        self.scripts: set[str] = set()
        self.replies: list[Any] = []
        """Empty if none came."""


class RedisClient:
    """One client of a process; it connects when it is first used."""

    def __init__(
        self, url: str, *, connect_timeout_ms: int, timeout_ms: int, breaker: Breaker
    ) -> None:
        """Raises ValueError for a URL that is not one of Redis."""
        self._seconds = (connect_timeout_ms + timeout_ms) / 1000
        self._timeout_ms = timeout_ms
        self._breaker = breaker
        self._redis = connection(url, connect_timeout_ms / 1000, timeout_ms / 1000)
        self._refreshing: asyncio.Task[None] | None = None
        self._batch: _Batch | None = None

    @property
    def is_cluster(self) -> bool:
        return isinstance(self._redis, RedisCluster)

    def batches(self, keys: Sequence[bytes], size: int) -> list[list[int]]:
        """The positions of keys that one script may have together."""
        if not self.is_cluster:
            places = range(len(keys))
            return [list(places[at : at + size]) for at in range(0, len(keys), size)]
        slots: dict[int, list[int]] = {}
        for position, key in enumerate(keys):
            slots.setdefault(key_slot(key), []).append(position)
        return [of[at : at + size] for of in slots.values() for at in range(0, len(of), size)]

    async def call(self, calls: Sequence[Call]) -> list[bytes]:
        """Run scripts in one round trip, each on the node of its keys; the answers in that order.

        Each script is atomic; all of them together are not. Raises StoreUnavailable if one of them
        did not answer, or not in time: any of them may have been run.
        """
        if not calls:
            return []
        commands = [
            ("EVALSHA", _sha1(each.script), len(each.keys), *each.keys, *each.arguments)
            for each in calls
        ]
        return cast("list[bytes]", await self._bounded(commands, {each.script for each in calls}))

    async def command(self, *commands: tuple[Argument, ...]) -> list[Any]:
        """Plain commands in one round trip. Raises StoreUnavailable as `call` does."""
        return await self._bounded(commands, frozenset())

    async def on_each_node(self, *command: Argument) -> list[Any]:
        """A command without a key, on each primary. Raises StoreUnavailable as `call` does."""
        with self._breaker:
            try:
                async with asyncio.timeout(self._seconds):
                    if not self.is_cluster:
                        return [await self._redis.execute_command(*command)]
                    nodes = await self._primaries()
                    return [await node.execute_command(*command) for node in nodes]
            except FAILED as error:
                raise self._unavailable(error) from None

    async def keys(self, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """The keys of all nodes, some at a time."""
        nodes: Sequence[Any] = await self._primaries() if self.is_cluster else [self._redis]
        for node in nodes:
            cursor = 0
            while True:
                command = ("SCAN", cursor, "MATCH", pattern, "COUNT", 10_000)
                try:
                    async with asyncio.timeout(self._seconds):
                        cursor, keys = await node.execute_command(*command)
                except FAILED as error:
                    raise self._unavailable(error) from None
                yield keys
                cursor = int(cursor)
                if not cursor:
                    break

    async def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await self._refreshing
        await self._redis.aclose()

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        if self.is_cluster and isinstance(error, LOST):
            self._refresh()
        text = reason(error, is_cluster=self.is_cluster, timeout_ms=self._timeout_ms)
        return StoreUnavailable(text)

    async def _primaries(self) -> list[Any]:
        cluster = cast("RedisCluster", self._redis)
        await cluster.initialize()
        return list(cluster.get_primaries())

    async def _bounded(
        self, commands: Sequence[tuple[Argument, ...]], scripts: frozenset[str] | set[str]
    ) -> list[Any]:
        batch = self._batch
        if batch is None:
            batch = _Batch()
            batch.sent = asyncio.create_task(self._send(batch))
            # In a cluster, a node that is away would hold up requests that only ask others.
            self._batch = None if self.is_cluster else batch
        own = slice(len(batch.commands), len(batch.commands) + len(commands))
        batch.commands += commands
        batch.scripts |= scripts
        try:
            await asyncio.shield(batch.sent)
        except StoreUnavailable:
            if not batch.replies:
                raise
        for reply in batch.replies[own]:
            if isinstance(reply, Exception):
                raise self._unavailable(reply) from None
        return batch.replies[own]

    async def _send(self, batch: _Batch) -> None:
        """Raises StoreUnavailable if any command failed, which counts once for the breaker."""
        self._batch = None
        with self._breaker:
            try:
                async with asyncio.timeout(self._seconds):
                    batch.replies = await self._run(batch.commands, batch.scripts)
            except FAILED as error:
                raise self._unavailable(error) from None
            for reply in batch.replies:
                if isinstance(reply, Exception):
                    raise self._unavailable(reply) from None

    async def _run(
        self, commands: Sequence[tuple[Argument, ...]], scripts: frozenset[str] | set[str]
    ) -> list[Any]:
        replies = await self._pipeline(commands)
        missing = [
            position
            for position, reply in enumerate(replies)
            if isinstance(reply, errors.NoScriptError)
        ]
        if missing:
            # A server that was started again, or a new primary, has not seen the scripts yet.
            for script in scripts:
                for node in await self._primaries() if self.is_cluster else [self._redis]:
                    await node.execute_command("SCRIPT LOAD", script)
            again = await self._pipeline([commands[position] for position in missing])
            for position, reply in zip(missing, again, strict=True):
                replies[position] = reply
        return replies

    async def _pipeline(self, commands: Sequence[tuple[Argument, ...]]) -> list[Any]:
        pipeline: Any
        if isinstance(self._redis, RedisCluster):
            await self._redis.initialize()
            pipeline = self._redis.pipeline()
        else:
            pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return cast("list[Any]", await pipeline.execute(raise_on_error=False))

    def _refresh(self) -> None:
        """Ask the cluster which node has what now, without holding up a request."""

        async def ask() -> None:
            cluster = cast("RedisCluster", self._redis)
            # Without this, each idle connection would cost a request before it is opened again.
            # redis-py can close them, too, but also one that a request has just taken.
            for node in cluster.get_nodes():
                for each in node._connections:
                    each.mark_for_reconnect()  # type: ignore[no-untyped-call]
            with suppress(*FAILED):
                await cluster.nodes_manager.initialize()

        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(ask())


_DIGESTS: dict[str, str] = {}


def _sha1(script: str) -> str:
    if script not in _DIGESTS:
        _DIGESTS[script] = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    return _DIGESTS[script]
