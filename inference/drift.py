"""Input drift: scored rows counted in the bins of the training histogram.

The population stability index (PSI) of an input is the sum over its bins of `(p - q) ln(p / q)`,
where p is the share of rows in service and q the share of rows in training (N. Siddiqi, Credit
Risk Scorecards, 2006, chapter 6). Below 0.1 is usually read as stable, above 0.25 as shifted.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric

from inference.model import ServedModel
from registry.model.contract import Contract, Input
from registry.model.limits import MAX_EDGES, MAX_INPUTS

MISSING = "missing"
UNKNOWN = "unknown"
OTHER = "other"
MAX_BINNED_CATEGORIES = 50
"""Categories of an input with a series of their own, the most frequent in training; the remaining
ones share the bin `other`. The number of series must not be up to whoever wrote the contract."""

ROWS_METRIC = "fraud_input_rows"
COUNT_BATCH_SIZE = 256
MIN_SHARE = 1e-4
"""Replaces the share of an empty bin, whose logarithm would be infinite."""


def binned_inputs(contract: Contract) -> tuple[Input, ...]:
    """The inputs whose rows are counted: the first `MAX_INPUTS`."""
    return contract.inputs[:MAX_INPUTS]


def bin_names(input_: Input) -> list[str]:
    """Names of an input's bins, in order: ranges and `missing`, or categories and `unknown`.

    The scorer gives missing and unseen categories the same code, so they share a bin.
    """
    if input_.kind == "category":
        shown = [input_.categories[code] for code in _binned_codes(input_)]
        return [*shown, *([OTHER] if len(shown) < len(input_.categories) else []), UNKNOWN]
    edges = [-math.inf, *_edges(input_), math.inf]
    return [*(f"{low:g}..{high:g}" for low, high in pairwise(edges)), MISSING]


def _edges(input_: Input) -> tuple[float, ...]:
    return input_.histogram.edges[:MAX_EDGES]


def _binned_codes(input_: Input) -> list[int]:
    """The codes of the categories with a bin of their own, in rising order."""
    size = len(input_.categories)
    by_frequency = np.argsort(-_counts(input_, size), kind="stable")
    return sorted(by_frequency[:MAX_BINNED_CATEGORIES].tolist())


def _counts(input_: Input, size: int) -> NDArray[np.int64]:
    """The counts of the training histogram, of shape (size,) whatever the contract holds."""
    counts = np.zeros(size, dtype=np.int64)
    given = input_.histogram.counts[:size]
    counts[: len(given)] = given
    return counts


def _positions(input_: Input) -> NDArray[np.int64]:
    """The position in `bin_names` of each bin of the histogram, and last that of missing rows."""
    names = bin_names(input_)
    if input_.kind == "number":
        bins = np.minimum(np.arange(len(input_.histogram.edges) + 1), len(names) - 2)
        return np.append(bins, len(names) - 1)
    positions = np.full(len(input_.categories) + 1, len(names) - 2, dtype=np.int64)
    codes = _binned_codes(input_)
    positions[codes] = np.arange(len(codes))
    positions[-1] = len(names) - 1
    return positions


def reference_shares(input_: Input) -> dict[str, float]:
    """Share of training rows in each bin of an input."""
    positions, names = _positions(input_), bin_names(input_)
    counts = np.append(_counts(input_, len(positions) - 1), input_.histogram.missing)
    total = max(int(counts.sum()), 1)
    shares = dict.fromkeys(names, 0.0)
    # Added up, since a category may have the name of a bin, such as `unknown`.
    for name, count in zip(names, np.bincount(positions, counts), strict=True):
        shares[name] += count / total
    return shares


def stability_index(counts: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """Population stability index of row counts by bin; NaN while there are no rows."""
    total = sum(counts.values())
    if not total:
        return math.nan
    index = 0.0
    for name in counts.keys() | reference.keys():
        p = max(counts.get(name, 0) / total, MIN_SHARE)
        q = max(reference.get(name, 0), MIN_SHARE)
        index += (p - q) * math.log(p / q)
    return index


class Drift:
    """Counts the rows that the served model scores. Owns the metrics of input drift."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("version", "input", "bin")
        self._counter = Counter(
            ROWS_METRIC,
            "Scored rows per bin of the training histogram, by ledger version and input",
            labels,
            registry=registry,
        )
        self._reference = Gauge(
            "fraud_input_reference_share",
            "Share of training rows per bin, 0 to 1, by ledger version and input",
            labels,
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._rows: _Rows | None = None

    def start(self, model: ServedModel) -> None:
        """Count the rows of this model from now on, and no others."""
        version = str(model.version)
        rows = _Rows(model, self._counter)
        for name, shares in rows.reference.items():
            for bin_name, share in shares.items():
                self._reference.labels(version, name, bin_name).set(share)
        self._rows = rows

    def add(self, model: ServedModel, rows: NDArray[np.float32]) -> None:
        """Collect encoded rows of shape (n, inputs), which must not change afterwards.

        Rows of a model that has been replaced in the meantime are ignored.
        """
        collected = self._rows
        if collected is not None and collected.model is model:
            collected.waiting.append(rows)
            if len(collected.waiting) >= COUNT_BATCH_SIZE:
                collected.count()

    def flush(self) -> None:
        """Count the rows collected so far."""
        if self._rows:
            self._rows.count()

    def clear(self) -> None:
        """Delete the series of earlier models."""
        self._counter.clear()
        self._reference.clear()

    def stability(self, families: Iterable[Metric]) -> Metric:
        """The stability index of each input, computed from the row counts in `families`."""
        index = GaugeMetricFamily(
            "fraud_input_stability_index",
            "Population stability index of an input against training, since the model was loaded",
            labels=["version", "input"],
        )
        rows = self._rows
        for family in families:
            if family.name == ROWS_METRIC and rows:
                version = str(rows.model.version)
                counts: dict[str, dict[str, float]] = defaultdict(dict)
                for sample in family.samples:
                    labels = sample.labels
                    if sample.name.endswith("_total") and labels["version"] == version:
                        counts[labels["input"]][labels["bin"]] = sample.value
                for name, shares in rows.reference.items():
                    index.add_metric([version, name], stability_index(counts[name], shares))
        return index


class _Rows:
    """The encoded rows of one model. Counting many at once costs less than counting each."""

    def __init__(self, model: ServedModel, counter: Counter) -> None:
        self.model = model
        self.waiting: deque[NDArray[np.float32]] = deque()
        self._lock = Lock()
        self._inputs = binned_inputs(model.contract)
        self._positions = [_positions(input_) for input_ in self._inputs]
        self._counters = [
            [counter.labels(str(model.version), input_.name, name) for name in bin_names(input_)]
            for input_ in self._inputs
        ]
        self.reference = {input_.name: reference_shares(input_) for input_ in self._inputs}

    def count(self) -> None:
        with self._lock:
            batches = [self.waiting.popleft() for _ in range(len(self.waiting))]
            if not batches:
                return
            columns = np.concatenate(batches).T[: len(self._inputs)]
            binned = zip(columns, self._inputs, self._positions, self._counters, strict=True)
            for column, input_, positions, counters in binned:
                bins = positions[_bins(column, input_)]
                counts = np.bincount(bins, minlength=len(counters))
                for position in np.flatnonzero(counts):
                    counters[position].inc(int(counts[position]))


def _bins(column: NDArray[np.float32], input_: Input) -> NDArray[np.int64]:
    """Each value's bin of the training histogram; -1, the last, for a missing or unseen one."""
    if input_.kind == "category":
        return column.astype(np.int64)  # missing and unseen categories have the code -1
    # In float32, as scored, so that a value equal to an edge falls into the bin above it.
    edges = np.asarray(input_.histogram.edges, dtype=np.float32)
    bins = np.searchsorted(edges, column, side="right")
    return np.where(np.isnan(column), -1, bins)
