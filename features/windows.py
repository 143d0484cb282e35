"""The arithmetic of history features, on arrays: where windows lie, and what is in them.

All arrays hold one number per row. Rows are grouped by entity, and in order of time within each
entity. A window is a range of row positions `[start, end)` that never reaches into another entity.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]

_MAX_INT64 = 2**63 - 1


def edges(times: Ints, lengths: Ints, spans: Collection[int]) -> dict[int, Ints]:
    """For each span: the position of the entity's first row later than `span` before each row.

    `times` are ticks, ascending within each entity; the first `lengths[0]` rows are those of the
    first entity, and so on. `spans` are ticks above 0.
    """
    positions = {span: np.empty(len(times), dtype=np.int64) for span in spans}
    if not (len(times) and positions):
        return positions
    earliest = int(times.min())
    reach = int(times.max()) - earliest + 1
    # Entities laid out on one axis, too far apart for a window to reach from one into the next,
    # make a single sorted array to search. A batch is as many entities as an int64 has room for.
    stride = reach + min(max(positions), reach)
    batch_size = max(1, _MAX_INT64 // stride)
    starts = np.cumsum(lengths) - lengths
    for first in range(0, len(lengths), batch_size):
        batch = lengths[first : first + batch_size]
        rows = slice(int(starts[first]), int(starts[first] + batch.sum()))
        axis = times[rows] - earliest
        axis += np.repeat(np.arange(len(batch)) * stride, batch)
        for span, position in positions.items():
            position[rows] = np.searchsorted(axis, axis - min(span, reach), side="right")
            position[rows] += rows.start
    return positions


def counts(start: Ints, end: Ints) -> Floats:
    """The number of rows in each window."""
    return np.subtract(end, start, out=np.empty(len(start)), casting="unsafe")


def means(totals: Floats, totals_before: Floats, start: Ints, end: Ints) -> Floats:
    """The mean in each window of the values that `totals` sum up; 0 where the window is empty.

    `totals` are running totals up to and including each row, `totals_before` those of the row
    above. They start anew for each entity: one running total over all entities would carry the
    rounding errors of the others.
    """
    # An empty window at position 0 reads the last row's total, which is then not used.
    sums = totals[end - 1]
    sums -= totals_before[start]
    return _divide(sums, counts(start, end))


def ratios(amounts: Floats, other_means: Floats, maximum: float) -> Floats:
    """Each amount over a mean, clipped to ±`maximum`; 1 where the mean is not above 0."""
    ratio = _divide(amounts, other_means, default=1.0)
    np.clip(ratio, -maximum, maximum, out=ratio)
    return ratio


def since_last(times: Ints, matches: Bools, start: Ints, end: Ints, default: float) -> Floats:
    """Ticks from the last row in each window that `matches` to the row; `default` if none does."""
    # The last match above a position may belong to another entity: then it is before `start`.
    last = np.full(len(times) + 1, -1, dtype=np.int64)
    np.maximum.accumulate(np.where(matches, np.arange(len(times)), -1), out=last[1:])
    position = last[end]
    elapsed = (times - times[position]).astype(np.float64)
    elapsed[position < start] = default
    return elapsed


def _divide(numerator: Floats, denominator: Floats, default: float = 0.0) -> Floats:
    # A total of amounts that overflows a double is not worth a warning from numpy.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        result = numerator / denominator
    result[denominator <= 0] = default
    return result
