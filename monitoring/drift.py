"""Drift: whether the inputs and the probabilities of a version are still those of its training.

Each day, the last seven days are compared with training: of each input the population stability
index (PSI), which says how large a drift is, and a chi-squared test of two samples on the bins of
the contract, which says whether chance explains it. An input has drifted where both say so.

The false-alarm rate holds for all inputs and all looks together: the k-th look may err with
probability α 6 / π² / k² (`registry.evaluation.looks`), which sums to α over all k, and within a
look the inputs share that by Holm's method (S. Holm, A simple sequentially rejective multiple test
procedure, Scandinavian Journal of Statistics 6(2), 1979). Neither assumes anything about how looks
or inputs depend on each other. That the index must also be large can only lower it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.looks import alpha_of_look
from registry.model.bins import MIN_ROWS, Bins

WINDOW_DAYS = 7
"""Of a whole week: weekends differ from other days without any drift."""
MIN_INDEX = 0.1
"""The usual border of a stable input. Of a million rows a test alone finds drifts that matter to
nobody."""
MIN_EXPECTED = 5
"""Rows that a bin is expected to have in both samples, or it is merged with the next larger one."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class InputDrift:
    """An input in the last window: rows, index, and the p-value of this look alone.

    `alarm_day` is the first day on which it had drifted, of all looks; None where it never had.
    """

    name: str
    rows: int
    index: float
    p_value: float
    alarm_day: int | None


def drifts(
    bins: Bins, reference_rows: Sequence[int], days: Mapping[int, Counts], alpha: float
) -> list[InputDrift]:
    """Compare the rows of each day, by `Bins.count`, with those of training.

    `reference_rows` is the number of training rows of each input. Windows of fewer than 1,000 rows
    are looked at, but decide nothing.
    """
    edges = [*bins.starts.tolist(), bins.size]
    parts = [slice(low, high) for low, high in pairwise(edges)]
    references = [
        np.rint(bins.reference[part] * rows).astype(np.int64)
        for part, rows in zip(parts, reference_rows, strict=True)
    ]
    alarms: dict[int, int] = {}
    last = [(0, math.nan, math.nan)] * len(parts)
    for look, day in enumerate(sorted(days)):
        window = sum(
            (days[each] for each in range(day - WINDOW_DAYS + 1, day + 1) if each in days),
            np.zeros(bins.size, dtype=np.int64),
        )
        rows = bins.rows(window)
        if rows < MIN_ROWS:
            continue
        indexes = bins.stability(window)
        p_values = [
            two_samples(window[part], reference)
            for part, reference in zip(parts, references, strict=True)
        ]
        for place in holm(p_values, alpha_of_look(alpha, look)):
            if indexes[place] >= MIN_INDEX:
                alarms.setdefault(place, day)
        last = [(rows, float(i), p) for i, p in zip(indexes, p_values, strict=True)]
    return [
        InputDrift(name=input_.name, rows=rows, index=index, p_value=p, alarm_day=alarms.get(place))
        for place, (input_, (rows, index, p)) in enumerate(zip(bins.inputs, last, strict=True))
    ]


def holm(p_values: Sequence[float], alpha: float) -> list[int]:
    """The places of the hypotheses that are rejected, with an error rate of `alpha` for all."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    rejected: list[int] = []
    for place in order:
        if p_values[place] > alpha / (len(order) - len(rejected)):
            break
        rejected.append(place)
    return rejected


def two_samples(one: Counts, other: Counts) -> float:
    """The p-value of a chi-squared test whether two samples, as counts by bin, are of the same
    distribution; 1 where one is empty.
    """
    total = float(one.sum() + other.sum())
    smaller = min(one.sum(), other.sum()) / total if total else 0.0
    if not smaller:
        return 1.0
    merged: list[tuple[int, int]] = []
    open_one = open_other = 0
    for place in np.argsort(one + other, kind="stable"):
        open_one, open_other = open_one + int(one[place]), open_other + int(other[place])
        if (open_one + open_other) * smaller >= MIN_EXPECTED:
            merged.append((open_one, open_other))
            open_one = open_other = 0
    if len(merged) < 2:
        return 1.0
    first, second = np.array(merged, dtype=np.float64).T
    ratio = math.sqrt(first.sum() / second.sum())
    statistic = float(((first / ratio - second * ratio) ** 2 / (first + second)).sum())
    return chi_squared_tail(statistic, len(merged) - 1)


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """The probability that chi-squared exceeds `statistic` (M. Abramowitz and I. Stegun, Handbook
    of Mathematical Functions, 1964, 26.4.4 and 26.4.5).
    """
    half = statistic / 2
    if half > 700:
        return 0.0
    if degrees % 2:
        total = math.erfc(math.sqrt(half))
        term = math.exp(-half) * math.sqrt(half) / math.gamma(1.5)
        first = 3
    else:
        total, term, first = 0.0, math.exp(-half), 2
    for degree in range(first, degrees + 1, 2):
        total += term
        term *= half / (degree / 2)
    return min(1.0, total)
