"""The bins in which scored rows are counted: those of the training histograms.

The population stability index (PSI) of an input is the sum over its bins of `(p - q) ln(p / q)`,
where p is the share of rows in service and q the share of rows in training (N. Siddiqi, Credit
Risk Scorecards, 2006, chapter 6). Below 0.1 is usually read as stable, above 0.25 as shifted.

Without any drift it is distributed as chi-squared with one degree of freedom less than bins,
divided by the number of rows (B. Yurdakul and J. Naranjo, Statistical properties of the population
stability index, Journal of Risk Model Validation 14(4), 2020).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from registry.model.contract import Contract, Input
from registry.model.limits import MAX_EDGES, MAX_INPUTS

MISSING = "missing"
UNKNOWN = "unknown"
OTHER = "other"
MAX_BINS = 6000
"""Bins of all inputs together, whatever the contract. Each is two metric series."""
MAX_BINS_OF_NUMBER = MAX_EDGES + 2
MAX_BINNED_CATEGORIES = 50
"""Categories of an input with a bin of their own, the most frequent in training; the remaining
ones share the bin `other`. It is less where that would exceed MAX_BINS, but never below 10."""
MIN_SHARE = 1e-4
"""Replaces the share of an empty bin, whose logarithm would be infinite."""
MIN_ROWS = 1000
"""Rows from which on there is a stability index. Of 1,000 rows without drift, the index exceeds 0.1
in less than 1 of 1,000 draws, with 52 bins too; of 20 rows in 11 bins, it exceeds 0.25 in 9 of 10.
"""


class Bins:
    """The bins of a contract's inputs, of which the first `MAX_INPUTS` are counted.

    All are numbered from 0, one input after the other: `starts` holds the number of each input's
    first bin, and `reference` the share of training rows in each bin, shape (size,).
    """

    def __init__(self, contract: Contract) -> None:
        self.inputs = contract.inputs[:MAX_INPUTS]
        is_number = np.array([input_.kind == "number" for input_ in self.inputs])
        self._numbers, self._categories = np.flatnonzero(is_number), np.flatnonzero(~is_number)
        shown = shown_categories(len(self._numbers), len(self._categories))
        shares = [reference_shares(input_, shown) for input_ in self.inputs]
        self.names = [list(one) for one in shares]
        self.reference = np.array([share for one in shares for share in one.values()])
        self._widths = np.array([len(names) for names in self.names])
        self.starts = np.cumsum(self._widths) - self._widths
        self.size = len(self.reference)
        # In float32, as scored, so that a value equal to an edge falls into the bin above it.
        self._edges = np.full((MAX_EDGES, len(self._numbers)), np.nan, dtype=np.float32)
        for column, index in enumerate(self._numbers):
            edges = _edges(self.inputs[index])
            self._edges[: len(edges), column] = edges
        # The bin of each place in a histogram. An input's first is that of missing rows.
        tables: list[NDArray[np.int64]] = []
        for start, names, input_ in zip(self.starts, self.names, self.inputs, strict=True):
            numbered = {name: start + number for number, name in enumerate(names)}
            tables.append(np.array([numbered[name] for name in _names_by_place(input_, shown)]))
        lengths = np.array([len(table) for table in tables])
        self._table, self._table_starts = np.concatenate(tables), np.cumsum(lengths) - lengths

    def count(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """The number of rows in each bin, shape (size,), of encoded rows, shape (n, inputs)."""
        places = np.empty((len(rows), len(self.inputs)), dtype=np.int64)
        places[:, self._categories] = rows[:, self._categories]  # a missing one has the code -1
        numbers = rows.take(self._numbers, axis=1)  # in rows, unlike with an index: twice as fast
        above = np.zeros(numbers.shape, dtype=np.int8)
        for edges in self._edges:
            above += (numbers >= edges).view(np.int8)
        above[np.isnan(numbers)] = -1
        places[:, self._numbers] = above
        places += self._table_starts + 1
        return np.bincount(self._table[places].ravel(), minlength=self.size)

    def rows(self, counts: NDArray[np.int64]) -> int:
        """The number of rows in counts of shape (size,). Every input has a bin for each row."""
        return int(counts[: self._widths[0]].sum())

    def stability(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """The stability index of each input, shape (inputs,), for counts of shape (size,)."""
        p = np.maximum(counts / max(self.rows(counts), 1), MIN_SHARE)
        q = np.maximum(self.reference, MIN_SHARE)
        return np.add.reduceat((p - q) * np.log(p / q), self.starts)


def shown_categories(numbers: int, categories: int) -> int:
    """How many categories of an input have a bin of their own, in a contract of so many inputs."""
    left = MAX_BINS - numbers * MAX_BINS_OF_NUMBER
    return min(MAX_BINNED_CATEGORIES, left // max(categories, 1) - 2)


def reference_shares(input_: Input, shown: int = MAX_BINNED_CATEGORIES) -> dict[str, float]:
    """The share of training rows in each bin of an input, by name and in the order of the bins:
    ranges and `missing`, or categories and `unknown`.

    The scorer gives missing and unseen categories the same code, so they share a bin.
    """
    missing, *names = _names_by_place(input_, shown)
    counts = np.zeros(len(names), dtype=np.int64)
    given = input_.histogram.counts[: len(names)]
    counts[: len(given)] = given
    if input_.kind == "number":  # of a histogram with more edges than a number may have
        counts[-1] += sum(input_.histogram.counts[len(names) :])
    total = max(int(counts.sum()) + input_.histogram.missing, 1)
    shares = dict.fromkeys(sorted(names, key=lambda name: name == OTHER), 0.0) | {missing: 0.0}
    # Added up, since a category may have the name of a bin, such as `unknown`.
    for name, count in zip(names, counts.tolist(), strict=True):
        shares[name] += count / total
    shares[missing] += input_.histogram.missing / total
    return shares


def _names_by_place(input_: Input, shown: int) -> list[str]:
    """The name of the bin of missing rows, and then of each place in the histogram."""
    if input_.kind == "number":
        edges = [-math.inf, *_edges(input_), math.inf]
        return [MISSING, *(f"{low:g}..{high:g}" for low, high in pairwise(edges))]
    counts = np.zeros(len(input_.categories), dtype=np.int64)
    given = input_.histogram.counts[: len(counts)]
    counts[: len(given)] = given
    codes = set(np.argsort(-counts, kind="stable")[:shown].tolist())
    return [
        UNKNOWN,
        *(name if code in codes else OTHER for code, name in enumerate(input_.categories)),
    ]


def _edges(input_: Input) -> tuple[float, ...]:
    return input_.histogram.edges[:MAX_EDGES]
