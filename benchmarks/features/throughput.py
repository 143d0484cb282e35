"""Requests per second of real services, in a closed loop over 16 connections."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.features.pods import pods
from benchmarks.growth.row import Row
from benchmarks.inference.load import closed_loop

SECONDS, ROUNDS = 3, 9
WARM_UP_SECONDS = 1
MOST_PER_SECOND = 20_000
"""Requests that no service answers in a second, so that no transaction is sent twice."""


class Turns:
    """The rates of several services that get the same load in turn."""

    def __init__(self, loads: dict[str, tuple[str, Callable[[int], str]]]) -> None:
        """By name: the URL, and the JSON of the request of a number, on one line."""
        self._loads, self._used = loads, 0

    def rates(self, seconds: int) -> dict[str, float]:
        """Requests per second of one turn of each. Raises CannotMeasure."""
        numbers = range(self._used, self._used + seconds * MOST_PER_SECOND)
        self._used = numbers.stop
        rates = {}
        for name, (url, body_of) in self._loads.items():
            with tempfile.NamedTemporaryFile("w", prefix="bodies-") as bodies:
                bodies.writelines(f"{body_of(number)}\n" for number in numbers)
                bodies.flush()
                load = closed_loop(url, Path(bodies.name), seconds)
            rates[name] = load.requests / load.seconds
        return rates


def raw_by_vector(events: int) -> float:
    """Requests per second with an embedded store by those with the 15 inputs: the median of several
    rounds in turn.

    Prints the medians of all services. Raises CannotMeasure.
    """
    with pods(events) as (_, services):
        turns = Turns({pod.name: (pod.url, pod.body) for pod in services})
        turns.rates(WARM_UP_SECONDS)
        rounds = [turns.rates(SECONDS) for _ in range(ROUNDS)]
    for name in rounds[0]:
        rate = statistics.median(each[name] for each in rounds)
        ratio = statistics.median(each[name] / each["15 inputs"] for each in rounds)
        print(f"  {name}: {rate:,.0f} a second, {ratio:.3f} of 15 inputs", flush=True)
    return statistics.median(each["memory"] / each["15 inputs"] for each in rounds)


ROWS = (
    Row(
        "predict-raw-http",
        "the same through HTTP, the store with its journal",
        "events",
        "times",
        (2_000,),
        (300_000,),
        raw_by_vector,
    ),
)
