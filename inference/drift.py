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
from registry.model.contract import Input

MISSING = "missing"
UNKNOWN = "unknown"
ROWS_METRIC = "fraud_input_rows"
COUNT_BATCH_SIZE = 256
MIN_SHARE = 1e-4
"""Replaces the share of an empty bin, whose logarithm would be infinite."""


def bin_names(input_: Input) -> list[str]:
    """Names of an input's bins, in order: ranges and `missing`, or categories and `unknown`.

    The scorer gives missing and unseen categories the same code, so they share a bin.
    """
    if input_.kind == "category":
        return [*input_.categories, UNKNOWN]
    edges = [-math.inf, *input_.histogram.edges, math.inf]
    return [*(f"{low:g}..{high:g}" for low, high in pairwise(edges)), MISSING]


def reference_shares(input_: Input) -> dict[str, float]:
    """Share of training rows in each bin of an input."""
    counts = [*input_.histogram.counts, input_.histogram.missing]
    total = max(sum(counts), 1)
    names = bin_names(input_)
    return {name: count / total for name, count in zip(names, counts, strict=False)}


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
        for input_ in model.contract.inputs:
            for name, share in reference_shares(input_).items():
                self._reference.labels(version, input_.name, name).set(share)
        self._rows = _Rows(model, self._counter)

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
                for input_ in rows.model.contract.inputs:
                    value = stability_index(counts[input_.name], reference_shares(input_))
                    index.add_metric([version, input_.name], value)
        return index


class _Rows:
    """The encoded rows of one model. Counting many at once costs less than counting each."""

    def __init__(self, model: ServedModel, counter: Counter) -> None:
        self.model = model
        self.waiting: deque[NDArray[np.float32]] = deque()
        self._lock = Lock()
        self._counters = [
            [counter.labels(str(model.version), input_.name, name) for name in bin_names(input_)]
            for input_ in model.contract.inputs
        ]

    def count(self) -> None:
        with self._lock:
            batches = [self.waiting.popleft() for _ in range(len(self.waiting))]
            if not batches:
                return
            columns = np.concatenate(batches).T
            inputs = self.model.contract.inputs
            for column, input_, counters in zip(columns, inputs, self._counters, strict=True):
                counts = np.bincount(_bins(column, input_), minlength=len(counters))
                for position in np.flatnonzero(counts):
                    counters[position].inc(int(counts[position]))


def _bins(column: NDArray[np.float32], input_: Input) -> NDArray[np.int64]:
    """Position of each value's bin in `bin_names`."""
    if input_.kind == "category":
        codes = column.astype(np.int64)  # missing and unseen categories have the same code
        return np.where(codes < 0, len(input_.categories), codes)
    # In float32, as scored, so that a value equal to an edge falls into the bin above it.
    edges = np.asarray(input_.histogram.edges, dtype=np.float32)
    bins = np.searchsorted(edges, column, side="right")
    return np.where(np.isnan(column), len(edges) + 1, bins)
