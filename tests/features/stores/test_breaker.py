"""When requests are refused at once, and when one of them tries again."""

from __future__ import annotations

import pytest

from features.stores.breaker import Breaker
from features.stores.store import StoreUnavailable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker, reason: str = "away") -> None:
    with pytest.raises(StoreUnavailable, match=f"^{reason}"), breaker:
        raise StoreUnavailable("away")


REFUSED = "the last 2 requests to the store failed; the next one is tried in"


def test_it_opens_after_failures_in_a_row_and_lets_one_request_try() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, seconds=5, clock=clock)

    fail(breaker)
    with breaker:
        pass
    fail(breaker)
    fail(breaker)
    clock.now += 4.9
    fail(breaker, f"{REFUSED} 0.1 s")
    clock.now += 0.2
    with breaker:
        fail(breaker, f"{REFUSED} 5.0 s")
    with breaker:
        pass


def test_a_try_that_fails_or_never_ends_keeps_it_open() -> None:
    clock = Clock()
    breaker = Breaker(failures=2, seconds=5, clock=clock)
    fail(breaker)
    fail(breaker)
    clock.now += 6

    fail(breaker)
    fail(breaker, "the last 3 requests to the store failed")
    clock.now += 6
    breaker.__enter__()
    fail(breaker, "the last 3 requests")
    clock.now += 6
    with breaker:
        pass
    with breaker:
        pass


def test_what_the_store_refuses_is_an_answer() -> None:
    breaker = Breaker(failures=2, seconds=5, clock=Clock())
    fail(breaker)
    with pytest.raises(ValueError, match="conflict"), breaker:
        raise ValueError("conflict")
    fail(breaker)
    assert not breaker.is_open


def test_a_request_that_was_cancelled_says_nothing() -> None:
    breaker = Breaker(failures=2, seconds=5, clock=Clock())
    fail(breaker)
    with pytest.raises(KeyboardInterrupt), breaker:
        raise KeyboardInterrupt
    fail(breaker)
    assert breaker.is_open
