"""The arithmetic of history features, on arrays: where windows lie, and what is in them.

All arrays hold one number a row, the rows brought entity by entity and each entity's in order of
time. A window is a range of places in them, `[start, end)`, and never reaches into another entity.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]

_LARGEST = 2**63 - 1


def edges(times: Ints, lengths: Ints, spans: Collection[int]) -> dict[int, Ints]:
    """For each span: where each row's entity has its first row later than `span` before that row.

    `times` are ticks, ascending within each entity; the first `lengths[0]` rows are those of the
    first entity, and so on. `spans` are ticks above 0.
    """
    found = {span: np.empty(len(times), dtype=np.int64) for span in spans}
    if not (len(times) and found):
        return found
    earliest = int(times.min())
    reach = int(times.max()) - earliest + 1
    # Entities one after another on one axis, too far apart for a window to reach from one into
    # another, make a single sorted array to search; as many at a time as an int64 has room for.
    apart = reach + min(max(found), reach)
    at_a_time = max(1, _LARGEST // apart)
    firsts = np.cumsum(lengths) - lengths
    for entity in range(0, len(lengths), at_a_time):
        some = lengths[entity : entity + at_a_time]
        here = slice(int(firsts[entity]), int(firsts[entity] + some.sum()))
        axis = times[here] - earliest
        axis += np.repeat(np.arange(len(some)) * apart, some)
        for span, places in found.items():
            places[here] = np.searchsorted(axis, axis - min(span, reach), side="right")
            places[here] += here.start
    return found


def counts(start: Ints, end: Ints) -> Floats:
    """The number of rows in each window."""
    return np.subtract(end, start, out=np.empty(len(start)), casting="unsafe")


def means(totals: Floats, before: Floats, start: Ints, end: Ints) -> Floats:
    """The mean in each window, 0 where it is empty, of what `totals` sum up.

    `totals` run to each row and with it, `before` to the row above, both for each entity by itself:
    one that ran on would carry the rounding errors of other entities.
    """
    # An empty window at place 0 takes the last row's total; it is not used.
    sums = totals[end - 1]
    sums -= before[start]
    return _divided(sums, counts(start, end))


def ratios(amounts: Floats, others: Floats, largest: float) -> Floats:
    """Each amount over the mean of others, from -`largest` to it; 1 where that is not above 0."""
    ratio = _divided(amounts, others, otherwise=1.0)
    np.clip(ratio, -largest, largest, out=ratio)
    return ratio


def since_last(times: Ints, wanted: Bools, start: Ints, end: Ints, otherwise: float) -> Floats:
    """Ticks from the last `wanted` row of each window to the row; `otherwise` where none is."""
    # The last wanted row above each place may be another entity's: then it is before `start`.
    last = np.full(len(times) + 1, -1, dtype=np.int64)
    np.maximum.accumulate(np.where(wanted, np.arange(len(times)), -1), out=last[1:])
    at = last[end]
    passed = (times - times[at]).astype(np.float64)
    passed[at < start] = otherwise
    return passed


def _divided(numerator: Floats, denominator: Floats, otherwise: float = 0.0) -> Floats:
    # Amounts whose total is beyond a double are no reason for numpy to warn.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        result = numerator / denominator
    result[denominator <= 0] = otherwise
    return result
