"""A whole request on the fast path, against its model alone: an ONNX session run on one row."""

from __future__ import annotations

import asyncio
import json
import statistics
import time

import numpy as np
from starlette.types import Message

from benchmarks.growth.models import boosted_model_of
from benchmarks.growth.row import Row
from inference.body import BodyReader, Turns
from inference.deadlines import Deadlines
from inference.fast_path import FastPath
from inference.guard import Guard
from inference.history import Histories
from inference.metrics import Metrics
from inference.model import ServedModel
from inference.predictor import Predictor
from inference.records import RecordWriter, StandardOutput
from inference.serving import Serving
from inference.settings import Settings

HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]


def request_ratio(inputs: int) -> float:
    """The median time of a request by that of the model alone, taken in turn, on other rows each.

    In turn, because both share the processor's caches; on other rows, because it would remember the
    path of one through the trees. A request begins with its parsed head and ends with its response;
    records, which another thread writes, are off.
    """
    return asyncio.run(_ratio(boosted_model_of(inputs)))


def fast_path_of(model: ServedModel, histories: Histories | None = None) -> FastPath:
    """`POST /predict` of a service that serves this model, with records off."""
    serving = Serving()
    serving.model = model
    metrics = Metrics(lambda: 0, lambda: 0.0)
    metrics.drift.start(model)
    settings = Settings.model_validate({"FRAUD_AUTH": "off"})
    records = RecordWriter("off", StandardOutput(1), metrics)
    histories = histories or Histories(settings, metrics)
    predictor = Predictor(serving, metrics, metrics.drift, records, histories)
    guard = Guard(_none, settings, serving, metrics, Deadlines(10), frozenset())
    return FastPath(guard, predictor, BodyReader(lambda: 2**20, Turns()))


async def post(app: FastPath, body: bytes) -> None:
    """One request, from its parsed head to its response. Raises ValueError unless it is 200."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        if message.get("status", 200) != 200:
            raise ValueError(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b""}
    await app({**scope, "headers": HEADERS}, receive, send)


async def _ratio(model: ServedModel, *, rounds: int = 9) -> float:
    app = fast_path_of(model)
    table = np.random.default_rng(0).uniform(0, 10, (200, len(model.contract.names)))
    rows = [dict(zip(model.contract.names, row, strict=True)) for row in table.tolist()]
    bodies = [json.dumps(row).encode() for row in rows]
    encoded = table.astype(np.float32)

    ratios: list[float] = []
    for _ in range(rounds):
        of_model, of_request = list[float](), list[float]()
        for number, body in enumerate(bodies):
            start = time.perf_counter()
            model.scorer.score(encoded[number : number + 1])
            scored = time.perf_counter()
            await post(app, body)
            of_request.append(time.perf_counter() - scored)
            of_model.append(scored - start)
        ratios.append(statistics.median(of_request) / statistics.median(of_model))
    return statistics.median(ratios)


async def _none(*_: object) -> None:
    """What would answer other requests."""


ROWS = (
    Row(
        "request",
        "a request on the fast path, by its model alone",
        "inputs",
        "times",
        (15, 500),
        (15, 100, 500, 1000),
        request_ratio,
    ),
)
