"""The FastAPI application: `uvicorn inference.app:create_app --factory`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import ClientDisconnect

from inference import schema
from inference.headers import SecurityHeaders
from inference.metrics import Metrics
from inference.settings import Settings
from inference.startup import Serving, load_until_ready
from inference.transaction import InvalidTransaction
from registry.store import connect
from registry.trust import read_trust

LARGEST_BODY_BYTES = 256 * 1024
RETRY_AFTER_SECONDS = 5


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service. It starts at once, and is ready when the head is loaded and verified.

    Raises UsageError where a setting or the ledger's configuration is not what it must be.
    """
    settings = settings or Settings()
    client, trust = connect(settings.tracking_uri), read_trust(settings.ledger_config)
    serving, metrics = Serving(), Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(load_until_ready(serving, client, trust))
        yield
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading

    app = FastAPIOffline(
        title="Fraud detection",
        description=schema.DESCRIPTION,
        version="1",
        docs_url="/docs",
        redoc_url="/",
        lifespan=lifespan,
    )
    app.add_middleware(SecurityHeaders)
    app.state.serving = serving
    _add_predict(app, serving, metrics)
    _add_operations(app, serving, metrics)
    _describe(app, serving)
    return app


def _add_predict(app: FastAPI, serving: Serving, metrics: Metrics) -> None:
    @app.post(
        "/predict",
        summary="Score one transaction",
        response_model=schema.Prediction,
        responses=schema.PREDICT_RESPONSES,
    )
    async def predict(request: Request) -> Response:
        start = time.perf_counter()
        try:
            body = await _body(request)
        except ClientDisconnect:  # the caller's doing and no error of ours; nobody reads this
            return Response(status_code=400)
        response = _predict(body, serving, metrics)
        metrics.requests.labels(response.status_code).inc()
        metrics.seconds.observe(time.perf_counter() - start)
        return response


async def _body(request: Request) -> bytes | None:
    """The request's body, or None where it is larger than any transaction."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY_BYTES:
            return None
    return bytes(body)


def _predict(body: bytes | None, serving: Serving, metrics: Metrics) -> Response:
    if serving.model is None:
        message = {"detail": "not ready; /healthcheck says why"}
        return _json(message, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    if body is None:
        return _json({"detail": f"the body is larger than {LARGEST_BODY_BYTES} bytes"}, 413)
    try:
        answer = serving.model.predict(body)
    except InvalidTransaction as error:
        return _json({"detail": error.errors}, 422)
    metrics.decisions.labels(answer.decision).inc()
    metrics.probability.observe(answer.probability)
    return _json(asdict(answer))


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers=headers, media_type="application/json")


def _add_operations(app: FastAPI, serving: Serving, metrics: Metrics) -> None:
    @app.get(
        "/healthcheck",
        summary="Whether the service is ready, and with which model",
        response_model=schema.Health,
        responses={503: {"model": schema.NotReady, "description": "Not ready, and why"}},
    )
    async def healthcheck() -> Response:
        model = serving.model
        if model is None:
            return _json({"status": "not ready", "reason": serving.reason}, 503)
        return _json(
            {
                "status": "ready",
                "model_version": model.link.version,
                "model_digest": model.digest,
                "candidate": model.link.statement.entry.candidate.version,
            }
        )

    @app.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    async def read_metrics() -> Response:
        if serving.model:
            version = str(serving.model.link.version)
            metrics.model.labels(version, serving.model.digest).set(1)
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _describe(app: FastAPI, serving: Serving) -> None:
    """Let the OpenAPI document say what the model in service takes."""

    def openapi() -> dict[str, Any]:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        body = serving.model.reader.schema() if serving.model else {"type": "object"}
        schema.add_transaction(document, body)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
