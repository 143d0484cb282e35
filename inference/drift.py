"""How far the inputs have moved from training: rows counted in the contract's own bins.

The population stability index of an input is the sum over its bins of
`(p - q) ln(p / q)`, p being the share in service and q the share in training (N. Siddiqi, Credit
Risk Scorecards, 2006, chapter 6). Under 0.1 is usually read as stable, above 0.25 as shifted.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from registry.model.contract import Contract, Input

MISSING = "missing"
UNKNOWN = "unknown"
COUNTED_AT_ONCE = 256
SMALLEST_SHARE = 1e-4
"""Stands for an empty bin, whose logarithm would be infinite."""


def bin_names(one: Input) -> list[str]:
    """Of an input's bins, in order: ranges and missing, or categories and unknown ones.

    The scorer gives missing and unseen categories the same code, so they share a bin.
    """
    if one.kind == "category":
        return [*one.categories, UNKNOWN]
    edges = [-math.inf, *one.histogram.edges, math.inf]
    return [*(f"{low:g}..{high:g}" for low, high in pairwise(edges)), MISSING]


def reference_shares(one: Input) -> dict[str, float]:
    """The share of training rows in each bin of an input."""
    counts = [*one.histogram.counts, one.histogram.missing]
    total = max(sum(counts), 1)
    names = bin_names(one)
    return {name: count / total for name, count in zip(names, counts, strict=False)}


def stability_index(counts: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """The population stability index of counted bins; NaN while nothing was counted."""
    total = sum(counts.values())
    if not total:
        return math.nan
    index = 0.0
    for name in counts.keys() | reference.keys():
        p = max(counts.get(name, 0) / total, SMALLEST_SHARE)
        q = max(reference.get(name, 0), SMALLEST_SHARE)
        index += (p - q) * math.log(p / q)
    return index


class Drift:
    """Collects encoded rows and counts them many at a time."""

    def __init__(self, contract: Contract, counter: Counter, version: str) -> None:
        """`counter` has the labels version, input and bin."""
        self._inputs = contract.inputs
        self._waiting: deque[NDArray[np.float32]] = deque()
        self._lock = Lock()
        self._counters = [
            [counter.labels(version, one.name, name) for name in bin_names(one)]
            for one in contract.inputs
        ]

    def add(self, rows: NDArray[np.float32]) -> None:
        """Take encoded rows of shape (n, inputs), which must not change later."""
        self._waiting.append(rows)
        if len(self._waiting) >= COUNTED_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Count what was collected."""
        with self._lock:
            several = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not several:
                return
            columns = np.concatenate(several).T
            for column, one, counters in zip(columns, self._inputs, self._counters, strict=True):
                counts = np.bincount(_bins(column, one), minlength=len(counters))
                for at in np.flatnonzero(counts):
                    counters[at].inc(int(counts[at]))


def _bins(column: NDArray[np.float32], one: Input) -> NDArray[np.int64]:
    """The place of each value's bin in `bin_names`."""
    if one.kind == "category":
        codes = column.astype(np.int64)  # a missing and an unseen category have the same code
        return np.where(codes < 0, len(one.categories), codes)
    # In the float32 that was scored, so that a value on an edge stays on it.
    edges = np.asarray(one.histogram.edges, dtype=np.float32)
    bins = np.searchsorted(edges, column, side="right")
    return np.where(np.isnan(column), len(edges) + 1, bins)
