"""From a request's body to the bytes of its answer: what the hot path and the routes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson

from inference.drift import Drift
from inference.metrics import Metrics
from inference.model import ServedModel
from inference.records import Records
from inference.serving import Serving
from inference.transaction import InvalidTransaction
from registry.model.scorer import Value

JSON = (b"content-type", b"application/json")
RETRY_AFTER_SECONDS = 5
BODY, UNKNOWN_FIELD = "(body)", "(unknown)"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: status, body, and its headers without what every answer carries."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,)

    def head(self) -> list[tuple[bytes, bytes]]:
        """The headers with the body's length, in a list that more may be added to."""
        return [*self.headers, (b"content-length", b"%d" % len(self.body))]


@dataclass(slots=True)
class Request:
    """What is known of a request before its body is read, and whose token it came with."""

    id: str
    caller: str = ""
    body_read: bool = False


def json_reply(value: Any, status: int = 200, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(status, orjson.dumps(value), (JSON, *headers))


NOT_READY = json_reply(
    {"detail": "not ready; /healthcheck says why"},
    503,
    (b"retry-after", str(RETRY_AFTER_SECONDS).encode()),
)


class Answers:
    """Scores what is asked, counts it and keeps a record of it."""

    def __init__(self, serving: Serving, metrics: Metrics, drift: Drift, records: Records) -> None:
        self._serving, self._metrics, self._drift = serving, metrics, drift
        self._records = records

    def one(self, body: bytes, request: Request, *, explain: bool = False) -> Reply:
        """The answer of /predict."""
        if (model := self._serving.model) is None:
            return NOT_READY
        try:
            values = model.reader.read(body)
            row, probability = model.score(values)
        except InvalidTransaction as error:
            return self.refused(error, model)
        self._observe(model, request, values, probability, 0)
        self._drift.add(model, row)
        answer: dict[str, Any] = {
            "probability": probability,
            "decision": model.decide(probability),
            "threshold": model.threshold,
            "model_version": model.version,
            "model_digest": model.short_digest,
            "request_id": request.id,
        }
        if explain:
            answer["reasons"] = [asdict(one) for one in model.reasons(values, row)]
        return Reply(200, orjson.dumps(answer))

    def many(self, body: bytes, request: Request) -> Reply:
        """The answer of /predict/batch."""
        if (model := self._serving.model) is None:
            return NOT_READY
        try:
            probabilities = self.score(model, model.reader.read_batch(body), request)
        except InvalidTransaction as error:
            return self.refused(error, model)
        predictions = [{"probability": one, "decision": model.decide(one)} for one in probabilities]
        return json_reply(
            {
                "predictions": predictions,
                "threshold": model.threshold,
                "model_version": model.version,
                "model_digest": model.short_digest,
                "request_id": request.id,
            }
        )

    def score(
        self, model: ServedModel, rows: Sequence[list[Value]], request: Request
    ) -> list[float]:
        """Probabilities of many transactions, counted and recorded. Raises InvalidTransaction."""
        encoded, scores = model.score_many(rows)
        probabilities: list[float] = scores.astype(np.float64).tolist()
        for number, (values, probability) in enumerate(zip(rows, probabilities, strict=True)):
            self._observe(model, request, values, probability, number)
        self._drift.add(model, encoded)
        return probabilities

    def refused(self, error: InvalidTransaction, model: ServedModel) -> Reply:
        """A 422 that names every bad field."""
        self.count_refused(error, model)
        return json_reply({"detail": error.errors}, 422)

    def count_refused(self, error: InvalidTransaction, model: ServedModel) -> None:
        """Count the fields by name; of names that the model does not know, there could be many."""
        for one in error.errors:
            field = one["loc"][-1]
            if field not in model.contract.names or len(one["loc"]) == 1:
                whole = len(one["loc"]) == 1 or isinstance(field, int) or field == "transactions"
                field = BODY if whole else UNKNOWN_FIELD
            self._metrics.invalid.labels(field).inc()

    def _observe(
        self,
        model: ServedModel,
        request: Request,
        values: list[Value],
        probability: float,
        row: int,
    ) -> None:
        self._metrics.scored(probability, review=probability >= model.threshold)
        self._records.add(model, request.id, request.caller, values, probability, row)
