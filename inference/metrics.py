"""Prometheus metrics, exported by `/metrics`; with several workers, combined over all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from inference import worker_files
from inference.drift import Drift
from inference.invalid_fields import InvalidFields
from inference.model import ServedModel

SECONDS_BUCKETS = (
    *(0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005),
    *(0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0),
)
PROBABILITY_BUCKETS = (0.001, 0.005, 0.01, 0.05, *(tenth / 10 for tenth in range(1, 11)))
COUNT_BATCH_SIZE = 64
MAX_CALLERS = 100
"""Callers with series of their own; each has one for each status that it got."""
OTHER_CALLERS = "(other)"

Queued = TypeVar("Queued")


class Metrics:
    """The metrics of one app, in a registry of their own.

    Requests, scores and what became history are queued while a request is processed, and counted
    later in batches: that costs half of counting each one immediately.
    """

    def __init__(
        self, requests_in_flight: Callable[[], int], ledger_lag_seconds: Callable[[], float]
    ) -> None:
        """Both functions are called on every flush, that is once a second and on every scrape."""
        self.registry = CollectorRegistry()
        counter, gauge = self._counter, self._gauge
        self._requests = counter("requests", "Requests by route and HTTP status", "route", "status")
        self._seconds = Histogram(
            "fraud_request_seconds",
            "Request duration in seconds, by route",
            ["route"],
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self._by_caller = counter(
            "caller_requests",
            "Requests of callers with a token, by its name and HTTP status; beyond "
            f"{MAX_CALLERS} callers, the name is `{OTHER_CALLERS}`",
            "caller",
            "status",
        )
        self._callers: set[str] = set()
        in_flight = gauge("requests_in_flight", "Requests being processed", mode="livesum")
        decisions = counter(
            "decisions", "Scored transactions by decision, approve or review", "decision"
        )
        self._decided = {False: decisions.labels("approve"), True: decisions.labels("review")}
        self._probability = Histogram(
            "fraud_probability",
            "Fraud probabilities returned, 0 to 1",
            buckets=PROBABILITY_BUCKETS,
            registry=self.registry,
        )
        self.invalid = InvalidFields()
        self.registry.register(self.invalid)
        self._info = _ModelInfo()
        self.registry.register(self._info)
        self._approved = gauge(
            "model_approved_timestamp_seconds",
            "Approval time of the served model, Unix time in seconds",
        )
        self._trained_until = gauge(
            "model_trained_until_timestamp_seconds",
            "End of the training window of the served model, Unix time in seconds",
        )
        self._loaded = gauge(
            "model_loaded_timestamp_seconds", "Load time of the served model, Unix time in seconds"
        )
        lag = gauge(
            "ledger_lag_seconds",
            "Seconds since the ledger last confirmed the served model",
            mode="livemax",
        )
        self.swaps = counter("swaps", "Models replaced by another one in a running worker")
        self._swaps_failed = counter(
            "swaps_failed", "Ledger polls that did not end with the head in service", "reason"
        )
        self.cache_starts = counter(
            "cache_starts", "Workers started from the cache because the registry was unreachable"
        )
        self.records_written = counter(
            "records_written", "Prediction records written to standard output or to the spool"
        )
        self.records_dropped = counter(
            "records_dropped",
            "Prediction records lost because standard output was not read, or the spool or its "
            "disk was full",
        )
        self.records_spool_bytes = gauge(
            "records_spool_bytes",
            "Size of the spool of prediction records, which all workers share, in bytes",
            mode="livemax",
        )
        self.records_oldest = gauge(
            "records_oldest_seconds",
            "Age of the oldest prediction record in the spool; 0 if there is none",
            mode="livemax",
        )
        self.record_moves_failed = counter(
            "record_moves_failed",
            "Files of prediction records that could not be moved from the spool, each time",
        )
        history = counter(
            "history_transactions",
            "Transactions that became history, or were there already: `new` or `repeated`",
            "result",
        )
        self._history = {False: history.labels("new"), True: history.labels("repeated")}
        self.store_unavailable = counter(
            "store_unavailable", "Requests that the feature store did not answer"
        )
        self.without_history = counter(
            "without_history",
            "Transactions scored without their history, because the feature store was away",
        )
        self.history_lost = counter(
            "history_lost",
            "Transactions scored without their history that did not become history later either",
        )
        self.history_missing = gauge(
            "history_missing_seconds",
            "Seconds that the windows of the served model reach and the feature store does not "
            "hold; 0 if they are whole",
            mode="livemax",
        )
        self.labels = counter("labels", "Labels by what became of them", "result")
        self.late_labels = counter(
            "labels_late",
            "Labels that became known later than the label delay after their transaction: until "
            "then, features had other values than in training",
        )
        self._closed = counter(
            "connections_closed", "Connections closed because of what their client did", "reason"
        )
        self.drift = Drift()
        self._sampled: tuple[tuple[Gauge, Callable[[], float]], ...] = (
            (in_flight, requests_in_flight),
            (lag, ledger_lag_seconds),
        )
        self._requests_done: deque[tuple[str, int, float, str]] = deque()
        self._scored: deque[tuple[float, bool]] = deque()
        self._recorded: deque[bool] = deque()
        self._by_route: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"fraud_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str, mode: str = "livemostrecent") -> Gauge:
        return Gauge(
            f"fraud_{name}",
            text,
            labels,
            registry=self.registry,
            multiprocess_mode=mode,  # type: ignore[arg-type]
        )

    def request_done(self, route: str, status: int, seconds: float, caller: str = "") -> None:
        """Queue one request to be counted; `route` must be a documented path or a constant.

        `caller` is the name of its token; without one, it is not counted by caller.
        """
        self._requests_done.append((route, status, seconds, caller))
        if len(self._requests_done) >= COUNT_BATCH_SIZE:
            self._count()

    def scored(self, probability: float, *, review: bool) -> None:
        """Queue one probability and its decision to be counted."""
        self._scored.append((probability, review))

    def recorded(self, *, repeated: bool) -> None:
        """Queue one transaction that became history, or was there already."""
        self._recorded.append(repeated)

    def scored_many(self, probabilities: Sequence[float], threshold: float) -> None:
        """Count the probabilities of a batch at once, in whose thread no other request waits."""
        for probability in probabilities:
            self._count_score(probability, review=probability >= threshold)

    def _count(self) -> None:
        callers: dict[tuple[str, int], int] = {}
        for route, status, seconds, caller in _drained(self._requests_done):
            children = self._by_route.get((route, status))
            if children is None:
                children = (self._requests.labels(route, status), self._seconds.labels(route))
                self._by_route[route, status] = children
            children[0].inc()
            children[1].observe(seconds)
            if caller:
                callers[caller, status] = callers.get((caller, status), 0) + 1
        for (caller, status), requests in callers.items():
            self._by_caller.labels(self._name_of(caller), status).inc(requests)
        for probability, review in _drained(self._scored):
            self._count_score(probability, review=review)
        for repeated in _drained(self._recorded):
            self._history[repeated].inc()

    def _name_of(self, caller: str) -> str:
        """The caller's own name; that of all others where there are too many."""
        if caller not in self._callers and len(self._callers) >= MAX_CALLERS:
            return OTHER_CALLERS
        self._callers.add(caller)
        return caller

    def _count_score(self, probability: float, *, review: bool) -> None:
        self._decided[review].inc()
        self._probability.observe(probability)

    def swap_failed(self, reason: str) -> None:
        self._swaps_failed.labels(reason).inc()

    def count_closed(self, reason: str) -> None:
        """Count a connection that was closed; `reason` must be a constant."""
        self._closed.labels(reason).inc()

    def model_loaded(self, before: ServedModel | None, model: ServedModel) -> None:
        """Report `model` as the served one from now on, in place of `before`.

        Raises OSError where the workers' files cannot be written; the rest is reported.
        """
        self.flush(wait=True)
        self._info.model = model
        self._approved.set(model.link.statement.entry.approved_at.timestamp())
        self._trained_until.set(model.contract.training_window.end.timestamp())
        self._loaded.set(model.loaded_at.timestamp())
        if before:
            self.swaps.inc()
        worker_files.note_served(model.version, model.digest)
        self.invalid.start(model)
        self.drift.start(model)
        if before:
            worker_files.forget_other_versions(before.version, model.version)

    def flush(self, *, wait: bool = False) -> None:
        """Count everything that is queued, and sample the gauges.

        Unless it may `wait`, rows that another thread is counting are left to it.
        """
        for gauge, read in self._sampled:
            gauge.set(read())
        self._count()
        self.drift.flush(wait=wait)

    def expose(self) -> bytes:
        """All metrics in Prometheus' text format, combined over all workers."""
        self.flush(wait=True)
        folder = worker_files.workers_folder()
        if folder is None:
            return generate_latest(self.registry) + self.drift.expose().encode()
        combined = CollectorRegistry()
        with worker_files.locked(folder):
            worker_files.delete_empty(folder)
            MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
            combined.register(self.invalid)
            combined.register(self._info)
            return generate_latest(combined) + self.drift.expose().encode()


def _drained(queue: deque[Queued]) -> Iterator[Queued]:
    with suppress(IndexError):  # not `while queue`: another thread may be counting as well
        while True:
            yield queue.popleft()


class _ModelInfo(Collector):
    """How many workers serve which model."""

    def __init__(self) -> None:
        self.model: ServedModel | None = None

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "fraud_model_info",
            "Workers that serve the model with this ledger version and digest",
            labels=["version", "digest"],
        )
        folder, model = worker_files.workers_folder(), self.model
        if folder is not None:
            for served, workers in worker_files.served_by_workers(folder).items():
                family.add_metric(served, workers)
        elif model is not None:
            family.add_metric([str(model.version), model.digest], 1)
        return [family]
