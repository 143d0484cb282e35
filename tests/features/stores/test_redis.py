"""The store in Redis says what the embedded one says, and refuses what that refuses."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, islice

import pytest
from hypothesis import HealthCheck, given, settings

from deploy.local.redis_server import RedisServer, ask
from features.online import Seen, Transaction, Window
from features.stores.memory import MemoryStore
from features.stores.outcomes import Conflict, LabelOutcome, OutOfRange, Past
from tests.features.streams import (
    DAY,
    START_US,
    Row,
    check_arrivals,
    check_forgetting,
    check_whole,
    streams,
)
from tests.redis_servers import Waiting, redis_store

HOUR = DAY // 24
WINDOWS = {"card": (Window(DAY, 0),), "shop": (Window(3 * DAY, 2 * DAY), Window(5 * DAY, 2 * DAY))}
few = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(empty_redis: RedisServer) -> Iterator[Waiting]:
    with redis_store(empty_redis.url, lateness=DAY) as made:
        yield made


def at(
    days: float,
    id_: str,
    amount: float = 10.0,
    *,
    card: str | None = "c",
    shop: str | None = "s",
) -> Transaction:
    return Transaction(id_, START_US + int(days * DAY), amount, (card, shop))


def card_sizes(store: Waiting, *transactions: Transaction) -> list[tuple[int, int]]:
    seen = [store.add(each, WINDOWS).seen["card"] for each in transactions]
    return [(each[0].size, each[0].units) for each in seen if each is not None]


@few
@given(streams)
def test_arrivals_have_the_features_of_those_before(
    shared_redis: RedisServer, rows: list[Row]
) -> None:
    ask(shared_redis.port, "FLUSHALL")
    with redis_store(shared_redis.url) as store:
        check_arrivals(rows, store)


@few
@given(streams)
def test_all_have_the_features_of_the_whole_table(
    shared_redis: RedisServer, rows: list[Row]
) -> None:
    ask(shared_redis.port, "FLUSHALL")
    with redis_store(shared_redis.url) as store:
        check_whole(rows, store)


@few
@given(streams)
def test_forgetting_changes_nothing(shared_redis: RedisServer, rows: list[Row]) -> None:
    ask(shared_redis.port, "FLUSHALL")
    with redis_store(shared_redis.url, lateness=0) as store:
        check_forgetting(rows, store)


def mixed(number: int, numbers: random.Random) -> Transaction:
    return Transaction(
        str(number),
        START_US + numbers.randrange(40) * DAY // 4,
        round(numbers.uniform(-1e11, 1e11), 4),
        (numbers.choice(["c", "d", None]), numbers.choice(["s", "t", None])),
    )


def test_two_pods_with_retries_say_what_one_store_says(empty_redis: RedisServer) -> None:
    numbers, sent = random.Random(3), list[Transaction]()
    memory = MemoryStore(("card", "shop"), reach=5 * DAY, lateness=400 * DAY)
    with redis_store(empty_redis.url) as one, redis_store(empty_redis.url) as other:
        for number in range(500):
            if sent and numbers.random() < 0.05:
                arrived = numbers.choice(sent)
            else:
                arrived = mixed(number, numbers)
                sent.append(arrived)
            assert numbers.choice([one, other]).add(arrived, WINDOWS) == memory.add(
                arrived, WINDOWS
            )
            if numbers.random() < 0.5:
                labelled, fraud = numbers.choice(sent).id, numbers.random() < 0.5
                pod = numbers.choice([one, other])
                assert pod.label(labelled, fraud=fraud) == memory.label(labelled, fraud=fraud)

        # Histories of more than 2 kB, which Redis changes in place.
        assert memory.past("card", "c", 1000)[100:]
        for kind, name in (("card", "c"), ("card", "d"), ("shop", "s"), ("shop", "t")):
            assert one.past(kind, name, 1000) == memory.past(kind, name, 1000)
        assert one.past("card", "c", 7) == memory.past("card", "c", 7)
        assert other.stats().transactions == len(memory)


def test_a_repeated_transaction_counts_once_and_has_the_same_features(store: Waiting) -> None:
    first = store.add(at(0, "a"), WINDOWS)

    again = store.add(at(0, "a"), WINDOWS)

    assert (first.repeated, again.repeated) == (False, True)
    assert first.seen == again.seen
    assert card_sizes(store, at(0.1, "b")) == [(2, 200_000)]
    assert store.add(at(0, "a"), WINDOWS).seen == first.seen


@pytest.mark.parametrize(
    "other",
    [
        at(0, "a", 10.01),
        at(0.01, "a"),
        at(-0.01, "a"),
        at(0, "a", card="d"),
        at(0, "a", shop="unheard of"),
        at(0, "a", shop=None),
        at(0.2, "a", 3, card="d", shop="t"),
    ],
)
def test_the_same_id_with_other_content_is_refused_and_changes_nothing(
    store: Waiting, empty_redis: RedisServer, other: Transaction
) -> None:
    store.add(at(0, "a"), WINDOWS)

    with pytest.raises(Conflict, match="recorded with another time, amount or entity"):
        store.add(other, WINDOWS)
    with pytest.raises(Conflict):
        store.peek(other, WINDOWS)

    assert card_sizes(store, at(0.1, "b")) == [(2, 200_000)]
    stats = store.stats()
    assert (stats.transactions, stats.entities) == (2, {"card": 1, "shop": 1})
    assert ask(empty_redis.port, "DBSIZE") == "4"


def test_what_a_refused_transaction_left_behind_goes_when_it_is_sent_again(
    store: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(at(0, "a"), WINDOWS)
    call, calls = store.store._client.call, list[int]()

    async def ends_after_the_first(commands: object) -> object:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return await call(commands)  # type: ignore[arg-type]

    monkeypatch.setattr(store.store._client, "call", ends_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        store.add(at(0.01, "a", card="d"), WINDOWS)
    monkeypatch.undo()
    assert len(store.past("card", "d", 9)) == 1

    with pytest.raises(Conflict):
        store.add(at(0.01, "a", card="d"), WINDOWS)

    assert store.past("card", "d", 9) == []
    assert store.past("shop", "s", 9) == [Past(START_US, 100_000, None)]


@pytest.mark.parametrize(
    ("other", "left"),
    [(at(0, "a", shop="t"), [Past(START_US, 100_000, None)]), (at(0, "a", 11), [])],
)
def test_a_conflict_takes_back_only_what_is_not_another_pods(
    store: Waiting, empty_redis: RedisServer, other: Transaction, left: list[Past]
) -> None:
    store.add(at(0, "a"), WINDOWS)
    # As if the other pod came between two scripts of the first one.
    ask(empty_redis.port, "DEL", store.store._layout.entity("card", "c").key.decode())

    with pytest.raises(Conflict):
        store.add(other, WINDOWS)

    assert store.past("card", "c", 9) == left
    assert store.past("shop", "t", 9) == []
    assert store.past("shop", "s", 9) == [Past(START_US, 100_000, None)]


def ids_beside(store: Waiting, id_: str) -> Iterator[str]:
    """Others in the same bucket."""
    of_id = store.store._layout.of_id
    return (each for each in map(str, count()) if of_id(each)[0] == of_id(id_)[0])


def test_a_refused_transaction_makes_nothing_expire(store: Waiting) -> None:
    card_sizes(store, at(0, "a"), at(1, "b"), at(200, "c", card=None, shop="t"))

    with pytest.raises(Conflict):
        store.add(at(100, "a"), WINDOWS)
    with pytest.raises(OutOfRange):
        store.add(at(100, next(ids_beside(store, "a")), card="d", shop="t"), WINDOWS)

    assert [each.time for each in store.past("card", "c", 9)] == [START_US + DAY, START_US]
    assert store.label("a", fraud=True).result == "recorded"


def test_an_id_can_be_used_again_when_its_transaction_is_expired(store: Waiting) -> None:
    other, another = islice(ids_beside(store, "a"), 2)
    card_sizes(store, at(0, "a"), at(5, "b"), at(5, other, card="d"))
    again = at(7, "a", 20, card="e")
    with pytest.raises(Conflict):
        store.add(again, WINDOWS)

    store.add(at(6.1, another, card="d"), WINDOWS)

    assert store.peek(again, WINDOWS).repeated is False
    assert card_sizes(store, again, again) == [(1, 200_000)] * 2
    assert store.label("a", fraud=True) == LabelOutcome("recorded", again.time)
    assert store.past("card", "e", 9) == [Past(again.time, 200_000, True)]
    assert store.stats().transactions == 4


def test_a_transaction_older_than_what_is_kept_of_an_entity_is_refused_by_all(
    store: Waiting,
) -> None:
    card_sizes(store, at(0, "a"), at(5, "b", card="d"))
    too_old = Transaction("c", START_US + 4 * DAY - HOUR, 1.0, ("c", "s"))

    for ask_store in (store.peek, store.add, store.add):
        with pytest.raises(OutOfRange, match=r"its time is 3,600 s before the oldest accepted"):
            ask_store(too_old, WINDOWS)

    assert store.past("card", "c", 9) == [Past(START_US, 100_000, None)]
    assert store.stats().transactions == 2
    assert card_sizes(store, at(4, "d", card="d")) == [(1, 100_000)]


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 1e12])
def test_an_amount_that_cannot_be_counted_is_refused(store: Waiting, amount: float) -> None:
    with pytest.raises(ValueError, match="the amount must be a number between"):
        store.add(at(0, "a", amount), WINDOWS)
    assert store.stats().transactions == 0


def test_a_time_that_lua_cannot_hold_is_refused(store: Waiting) -> None:
    with pytest.raises(ValueError, match="the time must be before the year 2255"):
        store.add(Transaction("a", 2**53, 1, ("c", "s")), WINDOWS)


@pytest.mark.parametrize("sign", [1, -1])
def test_totals_are_exact_up_to_the_largest_that_can_be_counted(store: Waiting, sign: int) -> None:
    amounts = [sign * (1e11 - number / 10_000) for number in range(4_611)]
    store.load((at(0, str(number), each, shop=None), None) for number, each in enumerate(amounts))

    too_much = at(0, "one too many", sign * 1e11, card="c", shop="new")
    for ask_store in (store.peek, store.add):
        with pytest.raises(ValueError, match="add up to more than can be counted"):
            ask_store(too_much, WINDOWS)

    total = sign * (4_611 * 10**15 - sum(range(4_611)))
    assert card_sizes(store, at(0, "small", sign * 0.0001)) == [(4_612, total + sign)]
    assert store.past("shop", "new", 9) == []
    assert store.past("card", "c", 1)[0].units == sign


def test_an_unknown_entity_has_no_windows_and_no_history(store: Waiting) -> None:
    answer = store.add(at(0, "a", card=None, shop=None), WINDOWS)

    assert answer == ({"card": None, "shop": None}, False)
    assert store.add(at(0, "b", card=None), {"card": ()}).seen == {"card": None}
    assert store.stats().entities == {"card": 0, "shop": 1}


def test_labels_are_recorded_repeated_reversed_and_unknown(store: Waiting) -> None:
    store.add(at(0, "a"), WINDOWS)

    outcomes = [store.label("a", fraud=fraud) for fraud in (True, True, False, True, False)]

    assert [each.result for each in outcomes] == [
        *("recorded", "repeated", "reversed", "reversed", "reversed"),
    ]
    assert {each.time for each in outcomes} == {START_US}
    assert store.past("card", "c", 1)[0].fraud is False
    assert store.label("nobody", fraud=True) == LabelOutcome("unknown", None)


def test_a_label_that_is_reversed_for_ever_still_counts(store: Waiting) -> None:
    store.add(at(0, "a"), WINDOWS)
    for number in range(300):
        store.label("a", fraud=number % 2 == 0)

    assert store.past("shop", "s", 1) == [Past(START_US, 100_000, False)]
    assert store.label("a", fraud=True).result == "reversed"
    assert store.past("shop", "s", 1) == [Past(START_US, 100_000, True)]
    assert store.add(at(2, "b"), WINDOWS).seen["shop"] == [
        Seen(1, 100_000, 1, START_US, None),
        Seen(1, 100_000, 1, START_US, None),
    ]


def test_an_entity_that_was_left_out_gets_the_label_that_came_in_between(
    store: Waiting, empty_redis: RedisServer
) -> None:
    store.add(at(0, "a"), WINDOWS)
    ask(empty_redis.port, "DEL", store.store._layout.entity("shop", "s").key.decode())
    store.label("a", fraud=True)

    assert not store.add(at(0, "a"), WINDOWS).repeated

    assert store.past("shop", "s", 9) == [Past(START_US, 100_000, True)]
    assert store.add(at(2, "b"), WINDOWS).seen["shop"] == [
        Seen(1, 100_000, 1, START_US, None),
        Seen(1, 100_000, 1, START_US, None),
    ]


def test_what_no_window_reaches_is_forgotten(store: Waiting, empty_redis: RedisServer) -> None:
    transactions = [at(number / 10, str(number)) for number in range(1000)]
    store.load([(each, number % 2 == 0) for number, each in enumerate(transactions[:500])])
    for number, each in enumerate(transactions[500:]):
        store.add(each, WINDOWS)
        if number % 2 == 0:
            store.label(each.id, fraud=True)

    # Six days are kept, and an eighth more at most.
    key = store.store._layout.entity("shop", "s").key.decode()
    assert 60 <= (int(ask(empty_redis.port, "STRLEN", key)) - 8) // 22 <= 70
    assert 30 <= int(ask(empty_redis.port, "STRLEN", f"{key}:f")) // 7 <= 35
    assert len(store.past("shop", "s", 1000)) == 61
    seen = store.peek(at(99.9, "now"), WINDOWS).seen["shop"]
    newest_fraud, newest_genuine = START_US + 978 * DAY // 10, START_US + 979 * DAY // 10
    assert seen == [
        Seen(10, 1_000_000, 5, newest_fraud, newest_genuine),
        Seen(30, 3_000_000, 15, newest_fraud, newest_genuine),
    ]


def test_keys_expire_when_nothing_comes_any_more(store: Waiting, empty_redis: RedisServer) -> None:
    store.add(at(0, "a"), WINDOWS)
    store.label("a", fraud=True)
    store.load((at(0.1, f"long {number}", card="long"), None) for number in range(200))

    keys = [
        store.store._layout.entity(kind, name).key.decode()
        for kind, name in (("card", "c"), ("card", "long"), ("shop", "s"))
    ]
    keys += [f"{keys[0]}:f", store.store._layout.of_id("a")[0].decode()]
    for key in keys:
        assert 6 * 86_400 - 60 < int(ask(empty_redis.port, "TTL", key)) <= 6 * 86_400


def test_told_to_keep_more_all_do_and_it_is_complete_from_what_was_kept_before(
    empty_redis: RedisServer,
) -> None:
    newest = START_US + 40 * DAY
    with (
        redis_store(empty_redis.url, lateness=0) as short,
        redis_store(empty_redis.url, lateness=0) as long,
    ):
        short.keep(5 * DAY, newest)
        short.complete_from(START_US)
        long.keep(5 * DAY, newest)
        assert long.complete_since() == START_US
        long.keep(30 * DAY, newest)
        # A minute later: by then all processes have asked.
        assert short.complete_since() == newest - 5 * DAY + 60_000_000

        short.keep(5 * DAY, newest)
        for day in (0, 10, 20):
            transaction = Transaction(str(day), START_US + day * DAY, 1.0, ("card", "shop"))
            short.add(transaction, {})
        assert len(short.past("card", "card", 10)) == 3

        long.complete_from(START_US)
        long.keep(30 * DAY, newest)
        assert long.complete_since() == START_US
