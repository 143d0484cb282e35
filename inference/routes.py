"""The documented routes of the service's own interface; whether it is ready, `serving` decides."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from inference import schema
from inference.body import BodyReader
from inference.history import Histories
from inference.messages import NOT_READY, Reply, RequestContext, json_reply
from inference.metrics import Metrics
from inference.predictor import Predictor
from inference.serving import Serving
from registry.tracking.names import PRODUCTION


def as_response(reply: Reply) -> Response:
    """A reply as the framework sends it, with the same headers as on the fast path."""
    response = Response(reply.body, reply.status)
    response.raw_headers = reply.header_list()
    return response


def context_of(request: Request) -> RequestContext:
    """What the guard put into the scope."""
    return cast(RequestContext, request.scope["fraud"])


def only_of_predict(request: Request) -> tuple[str, str] | None:
    """The name of a query parameter that only /predict answers, and no other route ignores; and
    what to do.
    """
    for name, value in (("explain", "true"), ("record", "false")):
        if name in request.query_params:
            return name, f"{name} is for one transaction: send it to /predict?{name}={value}"
    return None


async def body_of(request: Request, bodies: BodyReader) -> bytes | Reply:
    return await bodies.read(request.receive, context_of(request))


def predict_routes(predictor: Predictor, bodies: BodyReader, tables: BodyReader) -> APIRouter:
    """/predict, which takes one of `bodies`, and /predict/batch, which takes one of `tables`."""
    router = APIRouter(tags=["predict"])

    @router.post(
        "/predict",
        summary="Score one transaction",
        response_model=schema.Prediction,
        responses=schema.PREDICT,
    )
    async def predict(
        request: Request,
        explain: Annotated[
            bool, Query(description="Add the inputs that change the probability most")
        ] = False,
        record: Annotated[
            bool,
            Query(description="Whether the transaction becomes history; false for a what-if"),
        ] = True,
    ) -> Response:
        body = await body_of(request, bodies)
        if isinstance(body, Reply):
            return as_response(body)
        reply = await predictor.predict(body, context_of(request), explain=explain, record=record)
        return as_response(reply)

    @router.post(
        "/predict/batch",
        summary="Score a batch of transactions",
        response_model=schema.BatchPrediction,
        responses=schema.PREDICT,
    )
    async def predict_batch(request: Request) -> Response:
        if refused := only_of_predict(request):
            error = {"type": "extra_forbidden", "loc": ["query", refused[0]], "msg": refused[1]}
            return as_response(json_reply({"detail": [error]}, 422))
        body = await body_of(request, tables)
        if isinstance(body, Reply):
            return as_response(body)
        return as_response(await predictor.predict_batch(body, context_of(request)))

    return router


def operation_routes(
    serving: Serving, metrics: Metrics, histories: Histories, tracking_uri: str
) -> APIRouter:
    """/model, the probes and /metrics."""
    parts = urlsplit(tracking_uri)
    # Without the user and password that the address may contain.
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    router = APIRouter(tags=["operation"])

    @router.get(
        "/model",
        summary="The served model and its approval",
        response_model=schema.Model,
        responses={**schema.REFUSED, 503: schema.UNAVAILABLE},
    )
    async def model() -> Response:
        served = serving.model
        if served is None:
            return as_response(NOT_READY)
        entry = served.link.statement.entry
        return as_response(
            json_reply(
                {
                    "name": PRODUCTION,
                    "version": served.version,
                    "digest": served.digest,
                    "candidate": entry.candidate.version,
                    "threshold": served.threshold,
                    "approver": entry.approver,
                    "approved_at": entry.approved_at,
                    "action": entry.action,
                    "evidence": str(entry.evidence),
                    "evidence_url": f"{address}/#/runs/{entry.evidence.run_id}",
                    "loaded_at": served.loaded_at,
                }
            )
        )

    @router.get("/livez", summary="Liveness probe", response_model=schema.Ready)
    async def livez() -> Response:
        return as_response(json_reply({"status": "alive"}))

    @router.get(
        "/readyz",
        summary="Readiness probe",
        response_model=schema.Ready,
        responses=schema.HEALTH,
    )
    async def readyz() -> Response:
        if reason := serving.not_ready:
            return as_response(json_reply({"status": "not ready", "reason": reason}, 503))
        return as_response(json_reply({"status": "ready"}))

    @router.get(
        "/healthcheck",
        summary="Readiness with the served model, for people",
        response_model=schema.Health,
        responses=schema.HEALTH,
    )
    async def healthcheck() -> Response:
        served = serving.model
        if served is None or serving.not_ready:
            state: dict[str, Any] = {"status": "not ready", "reason": serving.not_ready}
            return as_response(json_reply(state, 503))
        return as_response(
            json_reply(
                {
                    "status": "ready",
                    "model_version": served.version,
                    "model_digest": served.digest,
                    "candidate": served.link.statement.entry.candidate.version,
                    "source": serving.source,
                    "lag_seconds": round(serving.lag_seconds, 3),
                    "problem": serving.problem,
                    "missing_history": histories.missing_of(served),
                }
            )
        )

    @router.get(
        "/metrics",
        summary="Metrics in Prometheus' text format",
        response_class=Response,
        responses={**schema.REFUSED, 503: schema.UNAVAILABLE},
    )
    async def read_metrics() -> Response:
        text = await asyncio.to_thread(metrics.expose)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router
