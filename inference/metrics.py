"""What Prometheus reads from `/metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
PROBABILITY_BUCKETS = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """One set of metrics for one app, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "fraud_predict_requests",
            "Requests to /predict by status code",
            ["status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "fraud_predict_seconds",
            "Seconds that /predict took",
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.decisions = Counter(
            "fraud_decisions", "Decisions by kind", ["decision"], registry=self.registry
        )
        self.probability = Histogram(
            "fraud_probability",
            "Probabilities that were answered",
            buckets=PROBABILITY_BUCKETS,
            registry=self.registry,
        )
        self.model = Gauge(
            "fraud_model_info",
            "The model in service: ledger version and digest",
            ["version", "digest"],
            registry=self.registry,
        )
