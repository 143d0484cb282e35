"""OpenTelemetry traces, exported over OTLP/HTTP or to Azure's Application Insights.

Attribute names follow the semantic conventions for HTTP servers.
"""

from __future__ import annotations

import logging
import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.guard import without_id
from inference.serving import Serving

SENDS_MORE = tuple(
    f"APPLICATIONINSIGHTS_{what}"
    for what in (
        "CONTROLPLANE_DISABLED",
        "OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
        "SDKSTATS_DISABLED",
        "STATSBEAT_DISABLED_ALL",
    )
)
"""Variables that keep Azure's exporter from what nobody asked for: it would report on itself, also
to addresses of Microsoft's own, and fetch settings from there."""


def tracer_provider(endpoint: str = "", connection_string: str = "") -> TracerProvider:
    """Exports spans in batches from a thread; while a receiver is unreachable, spans are lost."""
    provider = TracerProvider(resource=Resource.create({"service.name": "fraud-inference"}))
    exporters: list[SpanExporter] = []
    if endpoint:
        exporters.append(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=5))
    if connection_string:
        exporters.append(_application_insights(connection_string))
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _application_insights(connection_string: str) -> SpanExporter:
    os.environ.update(dict.fromkeys(SENDS_MORE, "true"))
    logging.getLogger("azure").setLevel(logging.WARNING)  # or each upload would be a line
    from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415 (rarely installed)
        AzureMonitorTraceExporter,
    )

    return AzureMonitorTraceExporter(
        connection_string=connection_string, disable_offline_storage=True
    )


class Traced:
    """ASGI middleware: one span per request, with the parent that `traceparent` names."""

    def __init__(self, app: ASGIApp, provider: TracerProvider, serving: Serving) -> None:
        self._app, self._serving = app, serving
        self._tracer = provider.get_tracer("inference")
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        context = self._propagator.extract(carrier)
        method, path = scope["method"], without_id(scope["path"])
        with self._tracer.start_as_current_span(
            f"{method} {path[:100]}", context, kind=SpanKind.SERVER
        ) as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            span.set_attributes({"http.request.method": method, "url.path": path})
            await self._app(scope, receive, send_and_note)
            span.set_attribute("fraud.request_id", scope["fraud"].id)
            if model := self._serving.model:
                span.set_attribute("fraud.model_version", model.version)
                span.set_attribute("fraud.model_digest", model.digest)
