"""From a request's body to its reply: parse, score, decide, count, record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson

from inference.drift import Drift
from inference.messages import NOT_READY, Reply, RequestContext, json_reply
from inference.metrics import Metrics
from inference.model import ServedModel
from inference.records import RecordWriter
from inference.serving import Serving
from inference.transaction import InvalidTransaction
from inference.usual import Transaction
from registry.model.scorer import Value


class Predictor:
    """Scores transactions with the served model, for the fast path and for the routes."""

    def __init__(
        self, serving: Serving, metrics: Metrics, drift: Drift, records: RecordWriter
    ) -> None:
        self._serving, self._metrics, self._drift = serving, metrics, drift
        self._records = records

    def predict(self, body: bytes, request: RequestContext, *, explain: bool = False) -> Reply:
        """The reply of /predict."""
        if (model := self._serving.model) is None:
            return NOT_READY
        try:
            values = model.reader.read(body)
            row, probability = model.score(values)
        except InvalidTransaction as error:
            return self._invalid(error, model)
        self._metrics.scored(probability, review=probability >= model.threshold)
        self._records.add(model, request.id, request.caller, values, probability, 0)
        self._drift.add(model, row)
        prediction: dict[str, Any] = {
            "probability": probability,
            "decision": model.decide(probability),
            "threshold": model.threshold,
            "model_version": model.version,
            "model_digest": model.short_digest,
            "request_id": request.id,
        }
        if isinstance(values, Transaction) and values.outside:
            prediction["outside"] = values.outside
        if explain:
            prediction["reasons"] = [asdict(reason) for reason in model.reasons(values, row)]
        return Reply(200, orjson.dumps(prediction))

    def predict_batch(self, body: bytes, request: RequestContext) -> Reply:
        """The reply of /predict/batch."""
        if (model := self._serving.model) is None:
            return NOT_READY
        try:
            rows = model.reader.read_batch(body)
            probabilities = self.score(model, rows, request)
        except InvalidTransaction as error:
            return self._invalid(error, model)
        predictions: list[dict[str, Any]] = [
            {"probability": probability, "decision": model.decide(probability)}
            for probability in probabilities
        ]
        for prediction in reversed(predictions):
            # Freed one by one: half a million values at once hold the interpreter for 5 ms.
            if outside := rows.pop().outside:
                prediction["outside"] = outside
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
        self, model: ServedModel, rows: Sequence[list[Value]], request: RequestContext
    ) -> list[float]:
        """Score, count and record many transactions. Raises InvalidTransaction."""
        encoded, scores = model.score_many(rows)
        probabilities: list[float] = scores.astype(np.float64).tolist()
        self._metrics.scored_many(probabilities, model.threshold)
        for number, (values, probability) in enumerate(zip(rows, probabilities, strict=True)):
            self._records.add(model, request.id, request.caller, values, probability, number)
        self._drift.add(model, encoded)
        return probabilities

    def count_invalid(self, error: InvalidTransaction, model: ServedModel) -> None:
        """Count the invalid fields of a request."""
        self._metrics.invalid.count(error, model)

    def _invalid(self, error: InvalidTransaction, model: ServedModel) -> Reply:
        self.count_invalid(error, model)
        return json_reply({"detail": error.errors}, 422)
