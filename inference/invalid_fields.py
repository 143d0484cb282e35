"""Rejected fields of requests, counted by name for the served model."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from inference.model import ServedModel
from inference.transaction import InvalidTransaction
from inference.worker_files import SharedCounts
from registry.model.limits import MAX_INPUTS

BODY_LABEL, UNKNOWN_FIELD_LABEL = "(body)", "(unknown)"


class InvalidFields(Collector):
    """The metric `fraud_invalid_fields_total`. It has the names of the served model's inputs only,
    so that a client cannot add any, nor a promotion. Its label `version` keeps the counters of two
    workers apart while only one of them serves a promotion."""

    def __init__(self) -> None:
        self._model: ServedModel | None = None
        self._places: dict[str, int] = {}
        self._counts: SharedCounts | None = None
        self._lock = Lock()

    def start(self, model: ServedModel) -> None:
        """Count for this model from now on, and for no other."""
        names = (BODY_LABEL, UNKNOWN_FIELD_LABEL, *model.contract.names[:MAX_INPUTS])
        places = {name: place for place, name in reversed(list(enumerate(names)))}
        counts = SharedCounts("fields", model.version, len(names))
        with self._lock:
            self._model, self._places, self._counts = model, places, counts

    def count(self, error: InvalidTransaction, model: ServedModel) -> None:
        """Count invalid fields by name. All names that the model does not have share one label."""
        with self._lock:
            if model is not self._model or self._counts is None:
                return
            for field_error in error.errors:
                location = field_error["loc"]
                field = location[-1]
                place = self._places.get(field) if len(location) > 1 else None
                if place is None:
                    is_body = (
                        len(location) == 1 or isinstance(field, int) or field == "transactions"
                    )
                    place = self._places[BODY_LABEL if is_body else UNKNOWN_FIELD_LABEL]
                self._counts.own[place] += 1

    def collect(self) -> Iterator[Metric]:
        """Fields that were rejected at least once."""
        family = CounterMetricFamily(
            "fraud_invalid_fields",
            "Rejected fields of requests, by ledger version and name",
            labels=["version", "field"],
        )
        with self._lock:
            model, places, counts = self._model, self._places, self._counts
        if model is not None and counts is not None:
            totals = counts.totals().tolist()
            for name, place in places.items():
                if totals[place]:
                    family.add_metric([str(model.version), name], totals[place])
        yield family
