"""What a row of the growth benchmark is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A cost that may grow with a size; `cost` measures it at one size, in `unit`."""

    name: str
    """Chosen by it on the command line; lower case with hyphens."""
    title: str
    counted: str
    """What the size counts, such as `inputs`."""
    unit: str
    quick: tuple[int, ...]
    """Rising sizes that take seconds, for CI."""
    full: tuple[int, ...]
    cost: Callable[[int], float]


def exponent(sizes: tuple[int, int], costs: tuple[float, float]) -> float:
    """The k for which the cost grows as size ** k from one size to the other.

    1 is linear, 0 constant; NaN where a cost is 0.
    """
    if min(costs) <= 0:
        return math.nan
    return math.log(costs[1] / costs[0]) / math.log(sizes[1] / sizes[0])


def best_seconds(action: Callable[[], object], *, rounds: int = 5, times: int = 1) -> float:
    """Seconds of one call: the least over several rounds of `times` calls each.

    The least, because other processes only ever add to the duration.
    """
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            action()
        seconds.append((time.perf_counter() - start) / times)
    return min(seconds)
