"""From a request's body to its reply: parse, score, decide, count, record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson

from features.stores.store import StoreUnavailable
from inference.drift import Drift
from inference.history import Completed, Histories, store_away
from inference.messages import NOT_READY, Reply, RequestContext, json_reply
from inference.metrics import Metrics
from inference.model import ServedModel
from inference.records import RecordWriter
from inference.serving import Serving
from inference.transaction import InvalidTransaction
from inference.usual import Values
from registry.model.reasons import top_reasons
from registry.model.record import MISSING_HISTORY
from registry.model.scorer import Value


class Predictor:
    """Scores transactions with the served model, for the fast path and for the routes."""

    def __init__(
        self,
        serving: Serving,
        metrics: Metrics,
        drift: Drift,
        records: RecordWriter,
        histories: Histories,
    ) -> None:
        self._serving, self._metrics, self._drift = serving, metrics, drift
        self._records, self._histories = records, histories

    async def predict(
        self, body: bytes, request: RequestContext, *, explain: bool = False, record: bool = True
    ) -> Reply:
        """The reply of /predict. Without `record`, it leaves neither history nor a record."""
        if (model := self._serving.model) is None:
            return NOT_READY
        try:
            values, transaction_id, has_history = model.reader.read(body), "", True
            if model.raw is not None:
                [(transaction_id, values, has_history)] = await self._histories.complete(
                    model.raw, [values], record=record
                )
            row, probability = model.score(values)
        except InvalidTransaction as error:
            return self._invalid(error, model)
        except StoreUnavailable as error:
            return self.store_away(error)
        if record:
            self._metrics.scored(probability, review=probability >= model.threshold)
            self._records.add(
                model,
                request.id,
                request.caller,
                values,
                probability,
                0,
                transaction_id,
                has_history=has_history,
            )
            self._drift.add(model, row)
        prediction: dict[str, Any] = {
            "probability": probability,
            "decision": model.decide(probability),
            "threshold": model.threshold,
            "model_version": model.version,
            "model_digest": model.short_digest,
            "request_id": request.id,
        }
        if isinstance(values, Values) and values.outside:
            prediction["outside"] = values.outside
        if not has_history:
            prediction["history"] = MISSING_HISTORY
        if explain:
            prediction["reasons"] = [
                asdict(reason) for reason in top_reasons(model.scorer, values, row)
            ]
            if model.raw is not None:
                prediction["features"] = model.raw.computed(values)
        return Reply(200, orjson.dumps(prediction))

    async def predict_batch(self, body: bytes, request: RequestContext) -> Reply:
        """The reply of /predict/batch."""
        if (model := self._serving.model) is None:
            return NOT_READY
        try:
            # In a thread: a thousand rows would block all other requests for milliseconds.
            rows = await asyncio.to_thread(model.reader.read_batch, body)
            completed = await self.complete(model, rows, may_lack_history=True)
            return await asyncio.to_thread(self._batch_reply, model, completed, request)
        except InvalidTransaction as error:
            return self._invalid(error, model)
        except StoreUnavailable as error:
            return self.store_away(error)

    async def complete(
        self, model: ServedModel, rows: Sequence[list[Value]], *, may_lack_history: bool = False
    ) -> list[Completed]:
        """Rows as their reader returns them, as inputs of the model.

        Without a history only if the reply can say so. Raises what `Histories.complete` raises.
        """
        if model.raw is None:
            return [Completed("", values) for values in rows]
        return await self._histories.complete(model.raw, rows, may_lack_history=may_lack_history)

    def _batch_reply(
        self, model: ServedModel, rows: list[Completed], request: RequestContext
    ) -> Reply:
        probabilities = self.score(model, rows, request)
        predictions: list[dict[str, Any]] = [
            {"probability": probability, "decision": model.decide(probability)}
            for probability in probabilities
        ]
        for prediction in reversed(predictions):
            # Freed one by one: half a million values at once hold the interpreter for 5 ms.
            _, values, has_history = rows.pop()
            if isinstance(values, Values) and values.outside:
                prediction["outside"] = values.outside
            if not has_history:
                prediction["history"] = MISSING_HISTORY
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
        self, model: ServedModel, rows: Sequence[Completed], request: RequestContext
    ) -> list[float]:
        """Score, count and record many transactions. Raises InvalidTransaction."""
        encoded, scores = model.score_many([row.inputs for row in rows])
        probabilities: list[float] = scores.astype(np.float64).tolist()
        self._metrics.scored_many(probabilities, model.threshold)
        for number, (row, probability) in enumerate(zip(rows, probabilities, strict=True)):
            self._records.add(
                model,
                request.id,
                request.caller,
                row.inputs,
                probability,
                number,
                row.transaction_id,
                has_history=row.has_history,
            )
        self._drift.add(model, encoded)
        return probabilities

    def store_away(self, error: StoreUnavailable) -> Reply:
        return store_away(error, self._metrics)

    def count_invalid(self, error: InvalidTransaction, model: ServedModel) -> None:
        """Count the invalid fields of a request."""
        self._metrics.invalid.count(error, model)

    def _invalid(self, error: InvalidTransaction, model: ServedModel) -> Reply:
        self.count_invalid(error, model)
        return json_reply({"detail": error.errors}, error.status)
