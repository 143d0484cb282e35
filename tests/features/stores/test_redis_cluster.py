"""A store in a Redis cluster: three primaries, one of them with a replica that takes its place."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from deploy.local.redis_server import RedisServer, ask, redis_cluster
from features.online import Transaction, Window
from features.stores.memory import MemoryStore
from features.stores.outcomes import Conflict
from features.stores.store import StoreUnavailable
from tests.features.streams import DAY, START_US
from tests.redis_servers import Waiting, needs_redis, redis_store
from tests.waiting import wait_until

WINDOWS = {"card": (Window(DAY, 0),), "shop": (Window(3 * DAY, 2 * DAY), Window(5 * DAY, 2 * DAY))}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[RedisServer]]:
    needs_redis()
    with redis_cluster(tmp_path_factory.mktemp("cluster"), replicas=1) as servers:
        yield servers


@pytest.fixture
def url(cluster: Sequence[RedisServer]) -> str:
    for server in cluster[:3]:
        ask(server.port, "FLUSHALL")
    return f"{cluster[1].url}?cluster=true"


def stream(count: int) -> list[tuple[Transaction, bool | None]]:
    numbers = random.Random(2)
    return [
        (
            Transaction(
                str(number),
                START_US + numbers.randrange(40) * DAY // 4,
                round(numbers.uniform(-1e11, 1e11), 4),
                (numbers.choice("abcdefgh"), numbers.choice("stu")),
            ),
            numbers.choice([None, True, False]),
        )
        for number in range(count)
    ]


def new_memory() -> MemoryStore:
    return MemoryStore(("card", "shop"), reach=5 * DAY, lateness=400 * DAY)


def test_two_pods_at_a_cluster_say_what_one_store_says(
    cluster: Sequence[RedisServer], url: str
) -> None:
    numbers, rows, memory = random.Random(4), stream(300), new_memory()
    with redis_store(url) as one, redis_store(url) as other:
        for place, (transaction, fraud) in enumerate(rows):
            pod = numbers.choice([one, other])
            assert pod.add(transaction, WINDOWS) == memory.add(transaction, WINDOWS)
            if fraud is not None:
                expected = memory.label(transaction.id, fraud=fraud)
                assert pod.label(transaction.id, fraud=fraud) == expected
            if numbers.random() < 0.05:
                again = numbers.choice(rows[: place + 1])[0]
                assert pod.add(again, WINDOWS) == memory.add(again, WINDOWS)
        other_amount = Transaction("7", rows[7][0].time, 0.5, ("h", "s"))
        with pytest.raises(Conflict):
            one.add(other_amount, WINDOWS)
        for card in "abcdefgh":
            assert other.past("card", card, 99) == memory.past("card", card, 99)
        assert one.stats().transactions == 300
        assert one.stats().entities == {"card": 8, "shop": 3}
    assert all(int(ask(each.port, "DBSIZE")) > 50 for each in cluster[:3])


def test_a_cluster_is_filled_like_one_server(url: str) -> None:
    rows, memory = stream(500), new_memory()
    for transaction, fraud in rows:
        memory.add(transaction, {})
        if fraud is not None:
            memory.label(transaction.id, fraud=fraud)
    with redis_store(url) as store:
        assert (store.load(rows), store.load(rows)) == (500, 0)
        for transaction, _ in rows[::10]:
            assert store.peek(transaction, WINDOWS) == memory.peek(transaction, WINDOWS)


def test_a_url_that_does_not_say_cluster_gets_a_hint(cluster: Sequence[RedisServer]) -> None:
    away = Transaction("1", START_US, 1.0, ("a", "s"))
    with (
        redis_store(cluster[0].url) as store,
        pytest.raises(StoreUnavailable, match="add cluster=true to the query"),
    ):
        store.add(away, WINDOWS)


def test_when_a_replica_takes_over_requests_work_again_and_can_be_repeated(
    cluster: Sequence[RedisServer], url: str, tmp_path: Path
) -> None:
    rows, memory = stream(100), new_memory()
    with redis_store(url, timeout_ms=500, open_seconds=0.1) as store:
        for transaction, _ in rows[:50]:
            assert store.add(transaction, WINDOWS) == memory.add(transaction, WINDOWS)
        cluster[0].process.kill()
        cluster[0].process.wait()

        seen = [unavailable(store, transaction) for transaction, _ in rows]
        assert any(seen)
        wait_until(lambda: not any(unavailable(store, transaction) for transaction, _ in rows))

        for transaction, _ in rows[50:]:
            memory.add(transaction, WINDOWS)
        for transaction, _ in rows:
            answer, expected = store.add(transaction, WINDOWS), memory.add(transaction, WINDOWS)
            assert {**answer.seen, "shop": None} == {**expected.seen, "shop": None}
    assert "role:master" in ask(cluster[3].port, "INFO", "replication")


def unavailable(store: Waiting, transaction: Transaction) -> bool:
    try:
        store.add(transaction, WINDOWS)
    except StoreUnavailable:
        return True
    return False
