"""The routes of other model servers' protocols, so that their clients work unchanged."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from inference import open_inference, schema
from inference.body import BodyReader
from inference.messages import Reply, json_reply, not_ready
from inference.mlflow_protocol import TEXT, bad_request, invocations
from inference.model import ServedModel
from inference.predictor import Predictor
from inference.routes import as_response, body_of, context_of, only_of_predict
from inference.serving import Serving
from registry.tracking.names import PRODUCTION

NOT_READY = not_ready("error")


def mlflow_routes(predictor: Predictor, serving: Serving, bodies: BodyReader) -> APIRouter:
    """/invocations and /ping."""
    router = APIRouter(tags=["MLflow scoring protocol"])

    @router.post("/invocations", summary="Score a table", responses=schema.MLFLOW)
    async def invoke(request: Request) -> Response:
        if refused := only_of_predict(request):
            return as_response(bad_request(refused[1]))
        body = await body_of(request, bodies)
        if isinstance(body, Reply):
            return as_response(body)
        content_type = request.headers.get("content-type", "application/json")
        reply = await invocations(predictor, serving, body, content_type, context_of(request))
        return as_response(reply)

    @router.get(
        "/ping",
        summary="Readiness probe",
        response_class=Response,
        responses={
            200: {"description": "An empty line", "content": {"text/plain": {}}},
            503: {"model": schema.NotReady},
        },
    )
    async def ping() -> Response:
        if reason := serving.not_ready:
            return as_response(json_reply({"status": "not ready", "reason": reason}, 503))
        return as_response(Reply(200, b"\n", (TEXT,)))

    return router


def open_inference_routes(predictor: Predictor, serving: Serving, bodies: BodyReader) -> APIRouter:
    """/v2: server, health, and the one model under its registered name."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    def served(name: str, version: str | None) -> ServedModel | Reply:
        model = serving.model
        if name != PRODUCTION:
            return json_reply({"error": f"unknown model; {PRODUCTION} is served"}, 404)
        if model is None:
            return NOT_READY
        if version not in (None, str(model.version)):
            return json_reply({"error": f"unknown version; {model.version} is served"}, 404)
        return model

    @router.get(
        "", summary="Server metadata", responses={**schema.REFUSED, 503: schema.UNAVAILABLE}
    )
    async def server() -> Response:
        metadata = {"name": "fraud-inference", "version": "1", "extensions": []}
        return as_response(json_reply(metadata))

    @router.get("/health/live", summary="Liveness probe")
    async def live() -> Response:
        return as_response(json_reply({"live": True}))

    @router.get("/health/ready", summary="Readiness probe", responses={503: {"model": None}})
    async def ready() -> Response:
        is_ready = not serving.not_ready
        return as_response(json_reply({"ready": is_ready}, 200 if is_ready else 503))

    @router.get("/models/{name}", summary="Model metadata", responses=schema.OPEN_INFERENCE)
    @router.get("/models/{name}/versions/{version}", responses=schema.OPEN_INFERENCE)
    async def metadata(name: str, version: str | None = None) -> Response:
        model = served(name, version)
        if isinstance(model, Reply):
            return as_response(model)
        return as_response(json_reply(open_inference.metadata(name, model)))

    @router.get("/models/{name}/ready", summary="Model ready", responses=schema.OPEN_INFERENCE)
    @router.get("/models/{name}/versions/{version}/ready", responses=schema.OPEN_INFERENCE)
    async def model_ready(name: str, version: str | None = None) -> Response:
        model = served(name, version)
        if isinstance(model, Reply):
            return as_response(model)
        is_ready = not serving.not_ready
        return as_response(json_reply({"name": name, "ready": is_ready}, 200 if is_ready else 503))

    @router.post("/models/{name}/infer", summary="Score", responses=schema.OPEN_INFERENCE)
    @router.post("/models/{name}/versions/{version}/infer", responses=schema.OPEN_INFERENCE)
    async def infer(request: Request, name: str, version: str | None = None) -> Response:
        if refused := only_of_predict(request):
            return as_response(json_reply({"error": refused[1]}, 400))
        body = await body_of(request, bodies)
        model = served(name, version)
        if isinstance(body, Reply):
            return as_response(body)
        if isinstance(model, Reply):
            return as_response(model)
        reply = await open_inference.infer(predictor, name, model, body, context_of(request))
        return as_response(reply)

    return router
