"""The documented routes of the service's own interface."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from inference import answers, schema
from inference.answers import Answers, Reply, json_reply
from inference.fast_path import read_body
from inference.metrics import Metrics
from inference.serving import Serving
from registry.tracking.names import PRODUCTION


def as_response(reply: Reply) -> Response:
    """A reply as the framework sends it, with the same headers as the hot path's."""
    response = Response(reply.body, reply.status)
    response.raw_headers = reply.head()
    return response


def context(request: Request) -> answers.Request:
    """What the guard knows of the request."""
    return cast(answers.Request, request.scope["fraud"])


async def body_of(request: Request, most: int) -> bytes | Reply:
    return await read_body(request.receive, context(request), most)


def predict_routes(scoring: Answers, body_bytes: int) -> APIRouter:
    """/predict and /predict/batch."""
    router = APIRouter(tags=["predict"])

    @router.post(
        "/predict",
        summary="Score one transaction",
        response_model=schema.Prediction,
        responses=schema.PREDICT,
    )
    async def predict(
        request: Request,
        explain: Annotated[bool, Query(description="Say which inputs moved the answer")] = False,
    ) -> Response:
        body = await body_of(request, body_bytes)
        if isinstance(body, Reply):
            return as_response(body)
        return as_response(scoring.one(body, context(request), explain=explain))

    @router.post(
        "/predict/batch",
        summary="Score many transactions",
        response_model=schema.BatchPrediction,
        responses=schema.PREDICT,
    )
    async def predict_batch(request: Request) -> Response:
        body = await body_of(request, body_bytes)
        if isinstance(body, Reply):
            return as_response(body)
        # Off the event loop: a thousand rows would hold up every other request for milliseconds.
        return as_response(await asyncio.to_thread(scoring.many, body, context(request)))

    return router


def operation_routes(serving: Serving, metrics: Metrics, tracking_uri: str) -> APIRouter:
    """The model in service, probes and metrics."""
    parts = urlsplit(tracking_uri)
    # Without a name and password that it may hold.
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    router = APIRouter(tags=["operation"])

    @router.get(
        "/model",
        summary="The model in service, and who approved it",
        response_model=schema.Model,
        responses={**schema.REFUSED, 503: schema.BUSY},
    )
    async def model() -> Response:
        served = serving.model
        if served is None:
            return as_response(answers.NOT_READY)
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

    @router.get("/livez", summary="Whether the process lives", response_model=schema.Ready)
    async def livez() -> Response:
        return as_response(json_reply({"status": "alive"}))

    @router.get(
        "/readyz",
        summary="Whether requests should come here",
        response_model=schema.Ready,
        responses=schema.HEALTH,
    )
    async def readyz() -> Response:
        if reason := serving.not_ready:
            return as_response(json_reply({"status": "not ready", "reason": reason}, 503))
        return as_response(json_reply({"status": "ready"}))

    @router.get(
        "/healthcheck",
        summary="Whether the service is ready, and with which model",
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
                }
            )
        )

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={**schema.REFUSED, 503: schema.BUSY},
    )
    async def read_metrics() -> Response:
        text = await asyncio.to_thread(metrics.expose)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return router
