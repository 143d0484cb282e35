"""The rounds of a rollout: read the ledger, ask every pod, until it is done or has failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from registry.errors import Unreachable, UsageError
from registry.ledger.chain import Ledger
from registry.rollout.answers import CALL_SECONDS, Answer, NoAnswer
from registry.rollout.rollout import Plan, Rollout
from registry.tracking.head import head_of

MAX_CALLS = 32
"""Pods that are asked at once."""


def follow_rollout(
    look: Callable[[], Ledger],
    find: Callable[[], set[str]],
    ask: Callable[[str], Answer | NoAnswer],
    plan: Plan,
    show: Callable[[Rollout, float], None],
) -> Rollout:
    """Follow the rollout of the head that `look` returns first, until it is done or has failed.

    In each round, `find` gives the addresses of the pods, `ask` what one of them answers, and
    `show` is called with the seconds since the beginning. Another head ends it as failed. While
    the ledger cannot be read, the pods are followed; but it is not done then.

    Raises UsageError where there is no pod in the first round, Unreachable where the ledger could
    not be read in the last, and what `look`, `head_of` and `ask` raise.
    """
    rollout = Rollout.of(look(), plan, time.monotonic())
    pool = ThreadPoolExecutor(MAX_CALLS)
    addresses: list[str] = []
    try:
        while True:
            begun = time.monotonic()
            addresses = _found(pool, find, addresses)
            if not addresses and not rollout.pods:
                raise UsageError("there is no pod to follow; check --pod and --pods")
            answers = dict(zip(addresses, pool.map(ask, addresses), strict=True))
            rollout.hear(answers, time.monotonic())
            unread = _check_head(rollout, look)
            now = time.monotonic()
            show(rollout, now - rollout.started_at)
            if rollout.problem:
                return rollout
            if rollout.done(now):
                if unread:
                    raise unread
                return rollout
            time.sleep(max(0.0, plan.interval_seconds - (now - begun)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _found(pool: ThreadPoolExecutor, find: Callable[[], set[str]], before: list[str]) -> list[str]:
    """The addresses now; those of the round before while names are not resolved in time."""
    try:
        return sorted(pool.submit(find).result(CALL_SECONDS))
    except TimeoutError:
        return before


def _check_head(rollout: Rollout, look: Callable[[], Ledger]) -> Unreachable | None:
    """Note it if another entry is in force; return why the ledger cannot be read, if so."""
    try:
        head = head_of(look())
    except Unreachable as error:
        rollout.events.append(str(error))
        return error
    if head.digest != rollout.head.digest:
        rollout.problem = f"another entry was put in force meanwhile: {head}"
    return None
