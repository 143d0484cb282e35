"""The ASGI application: `uvicorn inference.app:create_app --factory`."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Receive, Scope, Send

from inference import schema
from inference.answers import Answers
from inference.cache import Cache
from inference.deadlines import Deadlines
from inference.fast_path import HotPath
from inference.follow import Follower
from inference.guard import DOCUMENTS, FAILED, Guard
from inference.metrics import Metrics
from inference.open_inference import InferRequest
from inference.protocols import mlflow_routes, open_inference_routes
from inference.records import Records
from inference.routes import as_response, operation_routes, predict_routes
from inference.serving import Serving
from inference.settings import Settings, read_settings
from inference.stopping import drain_on_sigterm
from registry.errors import RegistryError
from registry.ledger.trust import read_trust
from registry.tracking.names import PRODUCTION
from registry.tracking.rest import Registry

SWITCH_SECONDS = 0.0001
"""While the ledger is read in its thread, a request waits for the interpreter no longer than this
instead of 5 ms."""


class Service:
    """The ASGI application: the guard and the hot path around the framework.

    Not as middleware of the framework, whose own layers would come before the hot path.
    """

    def __init__(self, asgi: ASGIApp, framework: FastAPI, follower: Follower) -> None:
        self._asgi = asgi
        self.framework = framework
        self.follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._asgi(scope, receive, send)


def create_app() -> Service:
    """The service with the settings of the environment, for `uvicorn --factory` and gunicorn.

    A wrong setting ends the process with one line.
    """
    try:
        return make_service(read_settings())
    except RegistryError as error:
        raise SystemExit(f"error: {error}") from None


def make_service(settings: Settings) -> Service:
    """The service. It starts at once, and is ready when the head is loaded and verified.

    Raises UsageError where a setting, the ledger's configuration or a file of tokens is not what it
    must be.
    """
    registry = Registry(settings.tracking_uri)
    trust = read_trust(settings.ledger_config, settings.ledger_floor)
    cache = Cache(settings.cache, trust.ledger_id)
    serving = Serving(follows=settings.poll_seconds > 0, max_lag_seconds=settings.max_lag_seconds)
    deadlines = Deadlines(settings.request_seconds)
    metrics = Metrics(lambda: len(deadlines), lambda: serving.lag_seconds)
    records = Records(settings.records, sys.stdout.fileno(), metrics.records_dropped)
    follower = Follower(settings, registry, trust, cache, serving, metrics)
    tracing = None
    if settings.otlp_endpoint:  # imported only then: it would be a tenth of every start
        from inference.tracing import Traced, tracer_provider  # noqa: PLC0415

        tracing = tracer_provider(settings.otlp_endpoint)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.freeze()  # what the imports made stays; to look through it again costs a long pause
        drain_on_sigterm(serving, settings.drain_seconds)
        records.start()
        follower.start()
        counting = asyncio.create_task(_count(metrics))
        yield
        counting.cancel()
        follower.stop()
        records.close()
        if tracing:
            tracing.shutdown()

    answers = Answers(serving, metrics, metrics.drift, records)
    routers = (
        predict_routes(answers, settings.body_bytes),
        operation_routes(serving, metrics, settings.tracking_uri),
        mlflow_routes(answers, serving, settings.body_bytes),
        open_inference_routes(answers, serving, settings.body_bytes),
    )
    framework = _framework(settings, serving, routers, lifespan)
    routes = [one for router in routers for one in router.routes if isinstance(one, APIRoute)]
    paths = DOCUMENTS | {one.path for one in routes if "{" not in one.path}
    paths |= {f"/v2/models/{PRODUCTION}{deed}" for deed in ("", "/ready", "/infer")}
    guard = Guard(framework, settings, serving, metrics, deadlines, paths)
    asgi: ASGIApp = HotPath(guard, answers, settings.body_bytes)
    if tracing:
        asgi = Traced(asgi, tracing, serving)
    return Service(asgi, framework, follower)


def _framework(
    settings: Settings,
    serving: Serving,
    routers: Iterable[APIRouter],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> FastAPI:
    """Every documented route, and the pages that document them."""
    app = FastAPIOffline(
        title="Fraud detection",
        description=schema.DESCRIPTION,
        version="1",
        docs_url="/docs",
        redoc_url="/",
        lifespan=lifespan,
        exception_handlers={Exception: _failed},
    )
    for router in routers:
        app.include_router(router)
    _describe(app, serving, with_tokens=settings.auth == "on")
    return app


async def _count(metrics: Metrics) -> None:
    """Count what was noted, so that other workers' sums are no older than a second."""
    while True:
        await asyncio.sleep(1)
        metrics.flush()


async def _failed(_request: Request, _error: Exception) -> Response:
    """The hot path's answer instead of the framework's own; the guard logs the error."""
    return as_response(FAILED)


def _describe(app: FastAPI, serving: Serving, *, with_tokens: bool) -> None:
    """Let the OpenAPI document say what the model in service takes."""

    def openapi() -> dict[str, Any]:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        bodies = serving.model.reader.schemas() if serving.model else {}
        infer = InferRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.add_bodies(document, {**bodies, **infer.pop("$defs"), "InferRequest": infer})
        if with_tokens:
            schemes = {"token": {"type": "http", "scheme": "bearer"}}
            document["components"]["securitySchemes"] = schemes
            document["security"] = [{"token": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
