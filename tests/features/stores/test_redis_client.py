"""What a caller sees, and what is lost, when Redis is away, full, empty or locked."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from deploy.local.redis_server import RedisServer, ask, redis_server
from features.online import Seen, Transaction, Window
from features.stores.breaker import Breaker
from features.stores.outcomes import LabelOutcome
from features.stores.redis_client import RedisClient
from features.stores.store import StoreUnavailable
from tests.features.streams import DAY, START_US
from tests.redis_servers import Waiting, needs_redis, redis_store
from tests.waiting import wait_until

WINDOWS = {"card": (Window(DAY, 0),)}
RIGHTS = (
    *("+evalsha", "+script|load", "+get", "+set", "+getrange", "+setrange", "+strlen", "+del"),
    *("+expire", "+select", "+scan", "+info"),
)


def number(count: int) -> Transaction:
    return Transaction(str(count), START_US + count, 1.0, ("c", "s"))


def size(store: Waiting, transaction: Transaction) -> int:
    seen = store.add(transaction, WINDOWS).seen["card"]
    assert seen is not None
    return seen[0].size


def is_back(store: Waiting) -> bool:
    try:
        store.past("card", "c", 1)
    except StoreUnavailable:
        return False
    return True


def test_after_a_sigkill_what_was_answered_is_there_and_the_rest_can_be_sent_again(
    tmp_path: Path,
) -> None:
    needs_redis()
    options = ("--appendonly", "yes", "--appendfsync", "everysec")
    with (
        redis_server(tmp_path, *options) as server,
        redis_store(server.url, open_seconds=0.05) as store,
    ):
        assert [size(store, number(count)) for count in range(50)] == list(range(1, 51))
        store.label("7", fraud=True)

        server.process.kill()
        server.process.wait()
        with pytest.raises(StoreUnavailable, match=r"^no connection to Redis$"):
            store.add(number(50), WINDOWS)

        with redis_server(tmp_path, *options, port=server.port):
            wait_until(lambda: is_back(store))
            # The process ended, not the machine: the log was in the kernel's hands.
            assert len(store.past("card", "c", 99)) == 50
            assert [size(store, number(count)) for count in range(60)] == list(range(1, 61))
            assert store.label("7", fraud=True) == LabelOutcome("repeated", START_US + 7)
            assert store.stats().transactions == 60


def test_while_redis_does_not_answer_requests_end_and_then_do_not_wait(tmp_path: Path) -> None:
    needs_redis()
    timeouts: dict[str, Any] = {"timeout_ms": 100, "failures": 3, "open_seconds": 0.5}
    with redis_server(tmp_path) as server, redis_store(server.url, **timeouts) as store:
        wait_until(lambda: is_back(store))
        server.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(3):
                with pytest.raises(StoreUnavailable, match="Redis did not answer within 100 ms"):
                    store.add(number(0), WINDOWS)
            with pytest.raises(StoreUnavailable, match="the last 3 requests to the store failed"):
                store.label("0", fraud=True)
        finally:
            server.process.send_signal(signal.SIGCONT)

        wait_until(lambda: is_back(store))
        # It may have been recorded in the meantime: it counts once.
        assert [size(store, number(count)) for count in (0, 1)] == [1, 2]


def test_no_server_at_all_is_unavailable(tmp_path: Path) -> None:
    with redis_store("redis://127.0.0.1:1") as store:
        for call in (store.stats, lambda: store.label("a", fraud=True)):
            with pytest.raises(StoreUnavailable, match=r"^no connection to Redis$"):
                call()


def test_a_redis_that_lost_everything_starts_again(empty_redis: RedisServer) -> None:
    with redis_store(empty_redis.url) as store:
        store.complete_from(START_US)
        assert [size(store, number(count)) for count in (0, 1)] == [1, 2]

        ask(empty_redis.port, "FLUSHALL")

        assert store.label("0", fraud=True).result == "unknown"
        assert size(store, number(2)) == 1
        assert store.stats().complete_since is None


def test_scripts_that_redis_forgot_are_sent_again(empty_redis: RedisServer) -> None:
    with redis_store(empty_redis.url) as store:
        assert size(store, number(0)) == 1
        ask(empty_redis.port, "SCRIPT", "FLUSH")
        answer = store.add(number(1), WINDOWS)

    assert (answer.seen["card"], answer.repeated) == ([Seen(2, 20_000, 0, None, None)], False)


def test_a_full_redis_says_so_and_records_all_or_can_be_sent_again(
    empty_redis: RedisServer,
) -> None:
    with redis_store(empty_redis.url) as store:
        store.add(number(0), WINDOWS)
        ask(empty_redis.port, "CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(StoreUnavailable, match="out of memory: its maxmemory is reached"):
                store.add(number(1), WINDOWS)
            assert store.peek(number(1), WINDOWS).seen["card"] == [Seen(2, 20_000, 0, None, None)]
        finally:
            ask(empty_redis.port, "CONFIG", "SET", "maxmemory", "0")

        assert [size(store, number(count)) for count in (1, 2)] == [2, 3]


def test_requests_at_once_are_sent_together_and_fail_alone(empty_redis: RedisServer) -> None:
    async def replies() -> list[Any]:
        breaker = Breaker(failures=2, seconds=60)
        client = RedisClient(
            empty_redis.url, connect_timeout_ms=500, timeout_ms=500, breaker=breaker
        )
        asked: list[tuple[tuple[str, ...], ...]] = [
            (("CLIENT ID",), ("SET", "f1:a", "1")),
            (("GETRANGE", "f1:a"),),
            (("GETRANGE", "f1:b"),),
            (("INCR", "f1:a"), ("CLIENT ID",)),
        ]
        try:
            calls = [client.command(*commands) for commands in asked]
            return list(await asyncio.gather(*calls, return_exceptions=True))
        finally:
            await client.close()

    [connection, is_set], first, second, [count, same] = asyncio.run(replies())

    assert (is_set, count, same) == (True, 2, connection)
    for error in (first, second):
        assert isinstance(error, StoreUnavailable)
        assert str(error).startswith("Redis: wrong number of arguments")


@pytest.fixture
def user(empty_redis: RedisServer) -> Any:
    ask(empty_redis.port, "ACL", "SETUSER", "pod", "on", ">secret", "~f1:*", *RIGHTS)
    yield empty_redis.url.replace("//", "//pod:secret@")
    ask(empty_redis.port, "ACL", "DELUSER", "pod")


def test_the_documented_rights_are_enough(user: str) -> None:
    with redis_store(f"{user}/1") as store:
        store.complete_from(START_US)
        rows = [(number(count), count % 2 == 0) for count in range(200)]
        assert store.load(rows) == 200
        assert size(store, number(500)) == 201
        store.label("500", fraud=True)
        with pytest.raises(ValueError, match="recorded with another"):
            store.add(other(500), WINDOWS)
        assert store.stats().transactions == 201


def other(count: int) -> Transaction:
    return Transaction(str(count), START_US + count, 1.0, ("d", "s"))


@pytest.mark.parametrize("taken", ["-evalsha", "-set"])
def test_a_missing_right_is_named_without_the_password(
    user: str, empty_redis: RedisServer, taken: str
) -> None:
    ask(empty_redis.port, "ACL", "SETUSER", "pod", taken)
    with redis_store(user) as store, pytest.raises(StoreUnavailable, match="rights") as caught:
        store.add(number(0), WINDOWS)
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_a_wrong_password_is_refused_without_repeating_it(user: str) -> None:
    wrong = user.replace("secret", "guessed")
    with redis_store(wrong) as store, pytest.raises(StoreUnavailable) as caught:
        store.add(number(0), WINDOWS)
    assert str(caught.value) == "Redis refused the user name, password or token of the store's URL"
