"""The composition root: makes the ASGI app, for `__main__` and for gunicorn's `worker`."""

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

from inference import schema, worker_files
from inference.body import BodyReader, Turns, body_limit
from inference.cache import Cache
from inference.deadlines import Deadlines
from inference.fast_path import FastPath
from inference.follower import Follower
from inference.guard import INTERNAL_ERROR, PAGES, Guard
from inference.history import Histories
from inference.history_routes import history_routes
from inference.labels import LABEL_SCHEMAS
from inference.logs import line_limit
from inference.memory import trim, use_one_heap
from inference.metrics import Metrics
from inference.model import ServedModel
from inference.open_inference import InferRequest
from inference.predictor import Predictor
from inference.protocols import mlflow_routes, open_inference_routes
from inference.record_spool import Spool
from inference.records import RecordWriter, Sink, StandardOutput
from inference.routes import as_response, operation_routes, predict_routes
from inference.serving import Serving
from inference.settings import Settings
from inference.shutdown import drain_on_sigterm
from inference.signals import handle_signals
from registry.ledger.trust import read_trust
from registry.tracking.names import PRODUCTION
from registry.tracking.rest import Registry

SWITCH_INTERVAL_SECONDS = 0.0001
"""Python's thread switch interval. With the default of 5 ms, a request would wait that long for the
interpreter while the follower's thread verifies the ledger."""
FLUSH_INTERVAL_SECONDS = 1.0
TRIM_INTERVAL_SECONDS = 10.0


class Service:
    """The ASGI app: fast path and guard around the framework.

    They are not middleware of the framework, whose own layers would run before them.
    """

    def __init__(
        self,
        asgi: ASGIApp,
        framework: FastAPI,
        guard: Guard,
        follower: Follower,
        histories: Histories,
    ) -> None:
        self._asgi = asgi
        self.histories = histories
        self.framework = framework
        self.guard = guard
        self.follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._asgi(scope, receive, send)


def make_service(settings: Settings) -> Service:
    """The service. It starts immediately, and is ready once the head is verified and loaded.

    Raises UsageError where a setting, the ledger's configuration or a token file is invalid.
    """
    use_one_heap()
    # The follower polls again and reports failures; retries inside a poll would delay that report.
    registry = Registry(settings.tracking_uri, default_retries=0)
    trust = read_trust(settings.ledger_config, settings.ledger_floor)
    cache = Cache(settings.cache, trust.ledger_id)
    serving = Serving(follows=settings.poll_seconds > 0, max_lag_seconds=settings.max_lag_seconds)
    deadlines = Deadlines(settings.request_seconds)
    with worker_files.creating():
        metrics = Metrics(lambda: len(deadlines), lambda: serving.lag_seconds)
    records = RecordWriter(settings.records, _record_sink(settings, metrics), metrics)
    histories = Histories(settings, metrics)
    follower = Follower(settings, registry, trust, cache, serving, metrics, histories)
    tracing = None
    if settings.otlp_endpoint or settings.application_insights:
        # Imported only if needed: it is a tenth of the start time.
        from inference.tracing import Traced, tracer_provider  # noqa: PLC0415

        tracing = tracer_provider(settings.otlp_endpoint, settings.application_insights)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        gc.freeze()  # exempt everything imported from collections, which are long pauses otherwise
        drain_on_sigterm(serving, settings.drain_seconds)
        handle_signals(guard.reload_tokens)
        records.start()
        follower.start()
        repeated = (
            asyncio.create_task(_flush_repeatedly(metrics)),
            asyncio.create_task(_trim_repeatedly()),
            asyncio.create_task(histories.upkeep.run()),
        )
        yield {"count_closed": metrics.count_closed}  # for the protocol
        for task in repeated:
            task.cancel()
        line_limit.report(everything=True)
        follower.stop()
        try:
            await histories.close()
        finally:
            records.close()
            if tracing:
                tracing.shutdown()

    predictor = Predictor(serving, metrics, metrics.drift, records, histories)
    turns = Turns()
    bodies = BodyReader(body_limit(serving, settings.body_bytes, 1), turns)
    tables = BodyReader(body_limit(serving, settings.body_bytes, settings.batch_rows), turns)
    routers = (
        predict_routes(predictor, bodies, tables),
        history_routes(histories, serving, metrics, tables),
        operation_routes(serving, metrics, histories, settings.tracking_uri),
        mlflow_routes(predictor, serving, tables),
        open_inference_routes(predictor, serving, tables),
    )
    framework = _framework(settings, serving, routers, lifespan)
    guard = Guard(framework, settings, serving, metrics, deadlines, _known_paths(routers))
    asgi: ASGIApp = FastPath(guard, predictor, bodies)
    if tracing:
        asgi = Traced(asgi, tracing, serving)
    return Service(asgi, framework, guard, follower, histories)


def _record_sink(settings: Settings, metrics: Metrics) -> Sink:
    if not settings.records_to:
        return StandardOutput(sys.stdout.fileno())
    spool, size = settings.records_spool, settings.records_spool_bytes
    return Spool(spool, size, settings.records_to, metrics)


def _known_paths(routers: Iterable[APIRouter]) -> frozenset[str]:
    """The paths that metrics count one by one."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    model = f"/v2/models/{PRODUCTION}"
    static = {route.path for route in routes if "{" not in route.path}
    return PAGES | static | {model, f"{model}/ready", f"{model}/infer"}


def _framework(
    settings: Settings,
    serving: Serving,
    routers: Iterable[APIRouter],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]],
) -> FastAPI:
    """All documented routes, and the pages that document them."""
    app = FastAPIOffline(
        title="Fraud detection",
        description=schema.DESCRIPTION,
        version="1",
        docs_url="/docs",
        redoc_url="/",
        redirect_slashes=False,  # behind TLS, it would redirect to http
        lifespan=lifespan,
        exception_handlers={Exception: _internal_error},
    )
    for router in routers:
        app.include_router(router)
    _document_model(app, serving, with_tokens=settings.auth == "on")
    return app


async def _flush_repeatedly(metrics: Metrics) -> None:
    """Flush the metrics once a second, for the sums that other workers export, and the log."""
    while True:
        await asyncio.sleep(FLUSH_INTERVAL_SECONDS)
        metrics.flush()
        line_limit.report()


async def _trim_repeatedly() -> None:
    """Return freed memory, in a thread: it takes milliseconds."""
    while True:
        await asyncio.sleep(TRIM_INTERVAL_SECONDS)
        await asyncio.to_thread(trim)


async def _internal_error(_request: Request, _error: Exception) -> Response:
    """The same reply as on the fast path, instead of the framework's. The guard logs the error."""
    return as_response(INTERNAL_ERROR)


def _document_model(app: FastAPI, serving: Serving, *, with_tokens: bool) -> None:
    """Let the OpenAPI document describe the inputs of the served model.

    It is kept until another model is served: making it takes 70 ms, and asking for it no token.
    """
    made_for: ServedModel | None = None
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        nonlocal made_for, document
        model = serving.model
        if not document or model is not made_for:
            document = _openapi(app, model, with_tokens=with_tokens)
            made_for = model
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _openapi(app: FastAPI, model: ServedModel | None, *, with_tokens: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    bodies = model.reader.schemas() if model else {}
    infer = InferRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    bodies |= infer.pop("$defs") | LABEL_SCHEMAS | {"InferRequest": infer}
    schema.add_bodies(document, bodies)
    if with_tokens:
        schemes = {"token": {"type": "http", "scheme": "bearer"}}
        document["components"]["securitySchemes"] = schemes
        document["security"] = [{"token": []}]
    return document
