"""How much a Redis store holds."""

from __future__ import annotations

from features.stores.redis_client import Argument, RedisClient
from features.stores.redis_layout import PREFIX, Layout
from features.stores.store import Stats

COMPLETE_KEY = PREFIX + b"complete"
KEPT_KEY = PREFIX + b"kept"
"""For how many microseconds all processes keep a transaction, lateness included."""
_BUCKETS = 10_000
"""Asked for in one round trip."""


async def stats(client: RedisClient, layout: Layout) -> Stats:
    """As `Store.stats`."""
    entities, buckets = dict.fromkeys(layout.kinds, 0), list[bytes]()
    async for keys in client.keys(PREFIX + b"*"):
        for key in keys:
            kind, brace, rest = key.removeprefix(PREFIX).partition(b"{")
            if key.startswith(layout.ids_prefix):
                buckets.append(key)
            elif brace and rest.endswith(b"}") and kind.decode() in entities:
                entities[kind.decode()] += 1
    transactions, times = 0, list[int]()
    for at in range(0, len(buckets), _BUCKETS):
        commands = list[tuple[Argument, ...]]()
        for key in buckets[at : at + _BUCKETS]:
            commands += [("STRLEN", key), ("GETRANGE", key, 0, 6)]
        replies = await client.command(*commands)
        transactions += sum(size // layout.id_bytes for size in replies[::2])
        # One may have expired since it was listed.
        times += [int.from_bytes(newest, signed=True) for newest in replies[1::2] if newest]
    (complete,) = await client.command(("GET", COMPLETE_KEY))
    memory = await client.on_each_node("INFO", "memory")
    return Stats(
        transactions=transactions,
        entities=entities,
        newest=max(times, default=None),
        complete_since=None if complete is None else int(complete),
        bytes=sum(each["used_memory"] for each in memory),
    )
