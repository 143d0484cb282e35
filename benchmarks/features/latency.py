"""Requests of a real service at a constant rate, from when each was due."""

from __future__ import annotations

import statistics

from benchmarks.features.open_loop import Percentiles, open_loop
from benchmarks.features.pods import pods
from benchmarks.growth.row import Row

RATE, SECONDS, ROUNDS = 500, 10, 3
WARM_UP = 500
"""Requests to each service, before any is timed."""


def p99_at_500(events: int) -> float:
    """The median of the rounds' 99th percentiles with Redis, in milliseconds.

    Prints each round: embedded store and a service that is sent all inputs get the same load in
    turn, so that what else the machine does is seen in all. Raises CannotMeasure.
    """
    count, of_redis = RATE * SECONDS, []
    with pods(events) as (_, services):
        for turn in range(ROUNDS + 1):
            first = max(turn - 1, 0) * count + min(turn, 1) * WARM_UP
            numbers = range(first, first + (count if turn else WARM_UP))
            for pod in services:
                bodies = [pod.body(number).encode() for number in numbers]
                took = Percentiles.of(open_loop(pod.address, "/predict", bodies, RATE))
                if turn:
                    print(line(turn, pod.name, took), flush=True)
                if turn and pod.name == "Redis":
                    of_redis.append(took.p99)
    return statistics.median(of_redis)


def line(turn: int, name: str, took: Percentiles) -> str:
    """A round, for people."""
    each = f"p50 {took.p50:.2f} ms, p99 {took.p99:.2f} ms, p99.9 {took.p999:.2f} ms"
    return f"  round {turn}, {name}: {each}"


ROWS = (
    Row(
        "predict-p99-redis",
        f"the 99th percentile of transactions to a service with Redis, {RATE} a second",
        "events",
        "ms",
        (2_000,),
        (300_000,),
        p99_at_500,
    ),
)
