"""What Prometheus reads from `/metrics`; with several workers, summed over them."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from inference.drift import Drift, reference_shares, stability_index
from inference.model import ServedModel

SECONDS_BUCKETS = (
    *(0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005),
    *(0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0),
)
PROBABILITY_BUCKETS = (0.001, 0.005, 0.01, 0.05, *(tenth / 10 for tenth in range(1, 11)))
WORKERS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
INPUT_ROWS = "fraud_input_rows"
COUNTED_AT_ONCE = 64


class Metrics:
    """One set of metrics for one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, gauge = self._counter, self._gauge
        self._requests = counter("requests", "Requests by route and status", "route", "status")
        self._seconds = self._histogram("request_seconds", "Seconds a request took", "route")
        self.in_flight = gauge("requests_in_flight", "Requests being answered", mode="livesum")
        decisions = counter("decisions", "Decisions by kind", "decision")
        self._decided = {False: decisions.labels("approve"), True: decisions.labels("review")}
        self._probability = Histogram(
            "fraud_probability",
            "Probabilities that were answered",
            buckets=PROBABILITY_BUCKETS,
            registry=self.registry,
        )
        self.invalid = counter("invalid_fields", "Fields that were refused, by name", "field")
        self._model = gauge(
            "model_info", "Workers that serve this model", "version", "digest", mode="livesum"
        )
        self._approved = gauge("model_approved_timestamp_seconds", "When it was approved")
        self._loaded = gauge("model_loaded_timestamp_seconds", "When it was loaded")
        self.lag = gauge(
            "ledger_lag_seconds", "Since the ledger confirmed what is served", mode="livemax"
        )
        self.swaps = counter("swaps", "Models that took another one's place")
        self._swaps_failed = counter(
            "swaps_failed", "Looks at the ledger that did not end with its head", "reason"
        )
        self.cache_starts = counter("cache_starts", "Starts from the cache, without the registry")
        self.records_dropped = counter(
            "records_dropped", "Prediction records that nobody read fast enough"
        )
        self._input_rows = counter(
            INPUT_ROWS.removeprefix("fraud_"), "Rows in a bin", "version", "input", "bin"
        )
        self._reference = gauge(
            "input_reference_share", "Share of training rows in a bin", "version", "input", "bin"
        )
        self._served: ServedModel | None = None
        self.requests_in_flight: Callable[[], int] = lambda: 0
        self._answered: deque[tuple[str, int, float]] = deque()
        self._scored: deque[tuple[float, bool]] = deque()
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

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"fraud_{name}", text, labels, buckets=SECONDS_BUCKETS, registry=self.registry
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Note one request, to be counted with others; a route is a path that is documented."""
        self._answered.append((route, status, seconds))
        if len(self._answered) >= COUNTED_AT_ONCE:
            self._count()

    def scored(self, probability: float, *, review: bool) -> None:
        """Note one answer's probability and decision, to be counted with others."""
        self._scored.append((probability, review))

    def _count(self) -> None:
        """Counting many in a row costs half of counting each when it comes."""
        self.in_flight.set(self.requests_in_flight())
        while self._answered:
            route, status, seconds = self._answered.popleft()
            found = self._by_route.get((route, status))
            if found is None:
                found = (self._requests.labels(route, status), self._seconds.labels(route))
                self._by_route[route, status] = found
            found[0].inc()
            found[1].observe(seconds)
        while self._scored:
            probability, review = self._scored.popleft()
            self._decided[review].inc()
            self._probability.observe(probability)

    def swap_failed(self, reason: str) -> None:
        self._swaps_failed.labels(reason).inc()

    def loaded(self, before: ServedModel | None, model: ServedModel) -> None:
        """Say which model is served from now on, and begin to count its inputs."""
        version = str(model.version)
        self.flush()
        if before:
            self.swaps.inc()
            self._model.labels(str(before.version), before.digest).set(0)
            if WORKERS_FOLDER not in os.environ:  # workers' shared files forget nothing
                for metric in (self._model, self._input_rows, self._reference):
                    metric.clear()
        self._model.labels(version, model.digest).set(1)
        self._approved.set(model.link.statement.entry.approved_at.timestamp())
        self._loaded.set(model.loaded_at.timestamp())
        model.drift = Drift(model.contract, self._input_rows, version)
        self._served = model
        for one in model.contract.inputs:
            for name, share in reference_shares(one).items():
                self._reference.labels(version, one.name, name).set(share)

    def flush(self) -> None:
        """Count everything that was noted."""
        self._count()
        if self._served and self._served.drift:
            self._served.drift.flush()

    def expose(self) -> bytes:
        """All metrics in Prometheus' text format, over all workers where there are several."""
        self.flush()
        registry = self.registry
        if WORKERS_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        both = CollectorRegistry()
        both.register(_WithStability(registry, self._served))
        return generate_latest(both)


class _WithStability(Collector):
    """A registry's metrics, and the stability index of each input worked out from their counts."""

    def __init__(self, registry: CollectorRegistry, served: ServedModel | None) -> None:
        self._registry, self._served = registry, served

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        index = GaugeMetricFamily(
            "fraud_input_stability_index",
            "Population stability index against training, since the model was loaded",
            labels=["version", "input"],
        )
        for family in self._registry.collect():
            yield family
            if family.name == INPUT_ROWS and self._served:
                version = str(self._served.version)
                counts: dict[str, dict[str, float]] = defaultdict(dict)
                for sample in family.samples:
                    labels = sample.labels
                    if sample.name.endswith("_total") and labels["version"] == version:
                        counts[labels["input"]][labels["bin"]] = sample.value
                for one in self._served.contract.inputs:
                    value = stability_index(counts[one.name], reference_shares(one))
                    index.add_metric([version, one.name], value)
        yield index
