"""Filling Redis gives what adding one by one gives, however often it is interrupted."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from deploy.local.redis_server import RedisServer
from features.online import Seen, Transaction, Window
from features.stores import redis_fill
from features.stores.memory import MemoryStore
from features.stores.outcomes import Past
from features.stores.redis_client import Call
from features.stores.redis_layout import RECORD
from features.stores.redis_scripts import FILL
from features.stores.store import StoreUnavailable
from tests.features.streams import DAY, START_US
from tests.redis_servers import redis_store

WINDOWS = {"card": (Window(9 * DAY, 0),), "shop": (Window(9 * DAY, DAY),)}
Labelled = tuple[Transaction, bool | None]


def stream(count: int) -> list[Labelled]:
    numbers = random.Random(1)
    return [
        (
            Transaction(
                str(number),
                START_US + numbers.randrange(40) * DAY // 4,
                round(numbers.uniform(-1e11, 1e11), 4),
                (numbers.choice(["c", "d", "e", None]), numbers.choice(["s", None])),
            ),
            numbers.choice([None, None, True, False]),
        )
        for number in range(count)
    ]


def test_it_can_be_interrupted_and_repeated(
    empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_fill, "_BATCH", 100)
    rows = stream(700)
    memory = MemoryStore(("card", "shop"), reach=9 * DAY, lateness=400 * DAY)
    for transaction, fraud in rows:
        memory.add(transaction, {})
        if fraud is not None:
            memory.label(transaction.id, fraud=fraud)

    def broken() -> Iterator[Labelled]:
        yield from rows[:450]
        raise KeyboardInterrupt

    with redis_store(empty_redis.url, reach=9 * DAY) as store:
        with pytest.raises(KeyboardInterrupt):
            store.load(broken())
        recorded = store.stats().transactions
        assert 0 < recorded < 450

        assert store.load([*rows, *rows[:50]]) == len(memory) - recorded
        assert store.load(rows) == 0

        assert store.stats().transactions == len(memory)
        for transaction, _ in rows:
            assert store.peek(transaction, WINDOWS) == memory.peek(transaction, WINDOWS)
        for kind, name in (("card", "c"), ("card", "d"), ("card", "e"), ("shop", "s")):
            assert store.past(kind, name, 999) == memory.past(kind, name, 999)


def test_what_is_too_old_or_contradicts_is_left_out_and_leaves_nothing(
    empty_redis: RedisServer,
) -> None:
    def at(days: int, id_: str, amount: float, card: str) -> Labelled:
        return Transaction(id_, START_US + days * DAY, amount, (card, "s")), True

    with redis_store(empty_redis.url, lateness=DAY) as store:
        store.load([at(0, "a", 1, "c"), at(9, "b", 2, "d")])

        assert store.load([at(1, "old", 3, "c"), at(9, "b", 4, "d"), at(9, "a", 1, "c")]) == 0
        assert store.load([at(9, "new", 5, "c")]) == 1

        assert store.past("card", "c", 9) == [Past(START_US + 9 * DAY, 50_000, True)]
        assert store.past("card", "d", 9) == [Past(START_US + 9 * DAY, 20_000, True)]
        assert store.label("old", fraud=True).result == "unknown"


def test_history_is_filled_in_behind_what_was_recorded_live(empty_redis: RedisServer) -> None:
    live = Transaction("live", START_US + 30 * DAY, 1.0, ("c", "s"))
    days: list[Labelled] = [
        (Transaction(str(day), START_US + day * DAY, day + 1.0, ("c", "s")), day % 3 == 0)
        for day in range(30)
    ]
    memory = MemoryStore(("card", "shop"), reach=9 * DAY, lateness=DAY)
    memory.add(live, {})
    new = sum([memory.load(transaction, fraud=fraud) for transaction, fraud in days])
    with redis_store(empty_redis.url, reach=9 * DAY, lateness=DAY) as store:
        store.add(live, {})

        assert (store.load(days), new) == (10, 10)

        assert store.past("card", "c", 99) == memory.past("card", "c", 99)
        assert store.peek(live, WINDOWS) == memory.peek(live, WINDOWS)


def test_loading_again_brings_labels_that_became_known(empty_redis: RedisServer) -> None:
    rows = [Transaction(str(day), START_US + day * DAY, 1.0, ("c", "s")) for day in range(9)]
    with redis_store(empty_redis.url, reach=9 * DAY, lateness=DAY) as store:
        store.load((each, None) for each in rows)

        assert store.load((each, each.id == "0") for each in rows) == 0

        assert [each.fraud for each in store.past("shop", "s", 9)] == [False] * 8 + [True]
        assert store.peek(rows[8], WINDOWS).seen["shop"] == [
            Seen(8, 80_000, 1, START_US, START_US + 7 * DAY)
        ]


def test_a_rerun_records_what_an_interrupted_load_did_not(
    empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Transaction("a", START_US, 1.0, ("c", "s"))

    async def ends(*_: object) -> int:
        raise StoreUnavailable

    with redis_store(empty_redis.url, reach=9 * DAY, lateness=DAY) as store:
        monkeypatch.setattr(redis_fill.Filler, "_record", ends)
        with pytest.raises(StoreUnavailable):
            store.load([(row, True)])
        monkeypatch.undo()
        store.add(Transaction("b", START_US + 30 * DAY, 2.0, ("c", "t")), {})

        assert store.load([(row, True)]) == 0

        assert store.past("shop", "s", 9) == [Past(START_US, 10_000, True)]
        assert store.past("card", "c", 9) == [Past(START_US + 30 * DAY, 20_000, None)]


def test_a_long_history_is_filled_in_short_calls(
    empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        (Transaction(str(number), START_US + number, number + 1.0, (None, "s")), number % 3 > 0)
        for number in range(1_200)
    ]
    memory, records = MemoryStore(("card", "shop"), reach=9 * DAY, lateness=0), list[int]()
    for transaction, fraud in rows:
        memory.load(transaction, fraud=fraud)
    with redis_store(empty_redis.url, reach=9 * DAY, lateness=0) as store:
        call = store.store._bulk.call

        async def counting(calls: Sequence[Call]) -> list[bytes]:
            records.extend(
                (len(each.arguments[-1]) - 2 * len(each.keys)) // RECORD
                for each in calls
                if each.script == FILL and isinstance(each.arguments[-1], bytes)
            )
            return await call(calls)

        monkeypatch.setattr(store.store._bulk, "call", counting)

        assert store.load(rows) == 1_200
        assert records == [500, 500, 200]

        assert store.past("shop", "s", 2_000) == memory.past("shop", "s", 2_000)
        now = Transaction("now", START_US + DAY + 1_100, 1.0, (None, "s"))
        assert store.peek(now, WINDOWS) == memory.peek(now, WINDOWS)
