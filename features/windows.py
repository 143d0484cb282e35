"""The arithmetic of history features, on arrays: where windows lie, and what is in them.

The window of a feature ends its delay before the row, so that no label counts before it is known.

All arrays hold one number per row. Rows are grouped by entity, and in order of time within each
entity. A window is a range of row positions `[start, end)` that never reaches into another entity.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from features.amounts import Floats, Ints
from registry.model.contract import HistoryFeature

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


def of_features(
    times: Ints, lengths: Ints, features: Sequence[HistoryFeature], ticks_per_day: int
) -> dict[str, tuple[Ints, Ints]]:
    """The window `[start, end)` of each feature, by its name, for each row; arrays as for `edges`.

    For a row at time t it is `(t - delay - window, t - delay]`. The delay of a feature made from
    labels, such as the risk, is the label delay.
    """
    days = {feature.delay_days for feature in features} - {0}
    days |= {feature.delay_days + feature.window_days for feature in features}
    positions = edges(times, lengths, [number * ticks_per_day for number in days])
    # Without a delay, a window ends with the row, at its place among rows of the same time.
    ends = {0: np.arange(1, len(times) + 1)}
    ends |= {number: positions[number * ticks_per_day] for number in days}
    return {
        feature.name: (ends[feature.delay_days + feature.window_days], ends[feature.delay_days])
        for feature in features
    }


def counts(start: Ints, end: Ints) -> Floats:
    """The number of rows in each window."""
    return np.subtract(end, start, out=np.empty(len(start)), casting="unsafe")


def running(values: Ints) -> Ints:
    """Running totals with a 0 in front: the total of rows `[start, end)` is `[end] - [start]`.

    One runs over all entities: whole numbers carry no rounding errors from one into the next, and
    the difference is right even where the total itself has wrapped around.
    """
    totals = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=totals[1:])
    return totals


def means(totals: Ints, start: Ints, end: Ints, *, scale: int = 1) -> Floats:
    """The mean in each window of the values that `totals` sum up, divided by `scale`; 0 where the
    window is empty. `totals` are those of `running`.
    """
    sums = (totals[end] - totals[start]).astype(np.float64)
    counted = counts(start, end)
    counted *= scale
    return _divide(sums, counted)


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
    with np.errstate(invalid="ignore", divide="ignore"):
        result = numerator / denominator
    result[denominator <= 0] = default
    return result
