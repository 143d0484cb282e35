"""Traces, as a small real collector on loopback receives them over OTLP/HTTP."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider

from inference import tracing
from inference.tracing import Traced, tracer_provider
from tests.inference.calls import Caller, ask, pieces
from tests.inference.models import FULL, three_inputs

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
BODY = json.dumps(FULL).encode()


class Collector:
    """What arrived at /v1/traces, decoded."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def body_of(request: BaseHTTPRequestHandler) -> bytes:
    body = request.rfile.read(int(request.headers["content-length"]))
    return gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A receiver on a free loopback port, until the block ends; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = body_of(self)
            if self.path == "/v1/traces":
                received.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            pass

    with listening(Handler) as address:
        received = Collector(address)
        yield received


@contextmanager
def traced(caller: Caller, endpoint: str) -> Iterator[Traced]:
    """The app with a tracer of its own; its spans have been sent when this ends."""
    provider = tracer_provider(endpoint)
    try:
        yield Traced(caller.app, provider, caller.app.follower.serving)
    finally:
        provider.shutdown()


def value(one: AnyValue) -> str | int:
    return one.int_value if one.HasField("int_value") else one.string_value


def read(attributes: list[KeyValue]) -> dict[str, str | int]:
    return {one.key: value(one.value) for one in attributes}


def test_a_request_is_a_span_with_status_request_id_and_model(
    ready: Caller, collector: Collector
) -> None:
    before = time.time_ns()
    with traced(ready, collector.address) as app:
        ready.run(ask(app, pieces(BODY), headers=[(b"x-request-id", b"mine")]))
    (span,) = collector.spans
    assert span.name == "POST /predict"
    assert span.kind == Span.SPAN_KIND_SERVER
    assert span.parent_span_id == b""
    assert before <= span.start_time_unix_nano <= span.end_time_unix_nano <= time.time_ns()
    assert read(list(span.attributes)) == {
        "http.request.method": "POST",
        "url.path": "/predict",
        "http.response.status_code": 200,
        "fraud.request_id": "mine",
        "fraud.model_version": 7,
        "fraud.model_digest": ready.model.digest,
    }
    (resource,) = collector.requests[0].resource_spans
    assert read(list(resource.resource.attributes))["service.name"] == "fraud-inference"


@pytest.mark.parametrize("query", [b"", b"explain=true"], ids=["fast path", "route"])
def test_a_span_is_a_child_of_the_callers(
    query: bytes, ready: Caller, collector: Collector
) -> None:
    headers = [
        (b"traceparent", f"00-{TRACE}-{PARENT}-01".encode()),
        (b"tracestate", b"vendor=value"),
    ]
    with traced(ready, collector.address) as app:
        answer = ready.run(ask(app, pieces(BODY), headers=headers, query=query))
    (span,) = collector.spans
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == PARENT
    assert span.trace_state == "vendor=value"
    assert answer.json()["request_id"] == TRACE
    assert read(list(span.attributes))["fraud.request_id"] == TRACE


def test_what_the_caller_does_not_sample_is_not_sent(ready: Caller, collector: Collector) -> None:
    headers = [(b"traceparent", f"00-{TRACE}-{PARENT}-00".encode())]
    with traced(ready, collector.address) as app:
        assert ready.run(ask(app, pieces(BODY), headers=headers)).status == 200
    assert collector.spans == []


@pytest.mark.parametrize(
    "headers",
    [[(b"traceparent", b"\xff")], [(b"traceparent", b"00-0-0-0")], [(b"tracestate", b"")]],
)
def test_an_invalid_trace_context_starts_a_new_trace(
    headers: list[tuple[bytes, bytes]], ready: Caller, collector: Collector
) -> None:
    with traced(ready, collector.address) as app:
        assert ready.run(ask(app, pieces(BODY), headers=headers)).status == 200
    (span,) = collector.spans
    assert span.parent_span_id == b""


def test_refused_requests_are_spans_too(caller: Caller, collector: Collector) -> None:
    with traced(caller, collector.address) as app:
        caller.run(ask(app, pieces(BODY)))
        caller.run(ask(app, [], method="GET", path="/nothing" + "x" * 500))
    spans = collector.spans
    assert [read(list(one.attributes))["http.response.status_code"] for one in spans] == [503, 404]
    assert len(spans[1].name) == 104
    assert "fraud.model_version" not in read(list(spans[0].attributes))


def test_a_failure_is_marked_as_one(
    ready: Caller, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: bytes) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(ready.model.reader, "read", fail)
    with traced(ready, collector.address) as app:
        ready.run(ask(app, pieces(BODY)))
    (span,) = collector.spans
    assert read(list(span.attributes))["http.response.status_code"] == 500
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert "hunter2" not in str(span)


def test_many_requests_are_sent_in_few_batches(ready: Caller, collector: Collector) -> None:
    with traced(ready, f"{collector.address}/") as app:
        for _ in range(100):
            ready.run(ask(app, pieces(BODY)))
    assert len(collector.spans) == 100
    assert len({one.trace_id for one in collector.spans}) == 100
    assert len(collector.requests) < 10


@pytest.mark.parametrize("named", [True, False])
def test_the_service_is_traced_where_an_endpoint_is_set(
    named: bool,
    make_caller: Callable[..., Caller],
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    providers: list[TracerProvider] = []

    def kept(*receivers: str) -> TracerProvider:
        providers.append(tracer_provider(*receivers))
        return providers[-1]

    monkeypatch.setattr(tracing, "tracer_provider", kept)
    endpoint = collector.address if named else ""
    caller = make_caller(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint).serve(three_inputs())
    assert caller.predict(FULL).status_code == 200
    for one in providers:
        one.shutdown()
    assert [one.name for one in collector.spans] == (["POST /predict"] if named else [])


class Breeze:
    """What arrived where Application Insights takes it, by an instrumentation key."""

    def __init__(self, address: str) -> None:
        self.connection_string = f"InstrumentationKey={UUID(int=1)};IngestionEndpoint={address}/"
        self.paths = set[str]()
        self.envelopes: list[dict[str, Any]] = []


@pytest.fixture
def breeze(monkeypatch: pytest.MonkeyPatch) -> Iterator[Breeze]:
    for name in tracing.SENDS_MORE:
        monkeypatch.setenv(name, "")  # so that they are as before when the test ends

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = body_of(self)
            envelopes = json.loads(body)
            received.paths.add(self.path)
            received.envelopes += envelopes
            accepted = {"itemsReceived": len(envelopes), "itemsAccepted": len(envelopes)}
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({**accepted, "errors": []}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with listening(Handler) as address:
        received = Breeze(address)
        yield received


def test_application_insights_gets_each_request_and_nothing_else(
    make_caller: Callable[..., Caller], breeze: Breeze, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers: list[TracerProvider] = []

    def kept(*receivers: str) -> TracerProvider:
        providers.append(tracer_provider(*receivers))
        return providers[-1]

    monkeypatch.setattr(tracing, "tracer_provider", kept)
    threads = set(threading.enumerate())
    service = make_caller(APPLICATIONINSIGHTS_CONNECTION_STRING=breeze.connection_string)
    service.serve(three_inputs())
    trace = f"00-{TRACE}-{PARENT}-01"
    assert service.post("/predict", FULL, traceparent=trace).status_code == 200
    assert service.predict({}).status_code == 422
    [_] = set(threading.enumerate()) - threads  # that of the batches: none that fetches settings
    for one in providers:
        one.shutdown()

    good, invalid = breeze.envelopes
    assert breeze.paths == {"/v2.1/track"}
    assert good["name"] == "Microsoft.ApplicationInsights.Request"
    assert good["iKey"] == str(UUID(int=1))
    assert good["tags"]["ai.cloud.role"] == "fraud-inference"
    assert good["tags"]["ai.operation.id"] == TRACE
    assert good["tags"]["ai.operation.parentId"] == PARENT
    data = good["data"]["baseData"]
    assert (data["name"], data["responseCode"], data["success"]) == ("POST /predict", "200", True)
    assert data["properties"] == {
        "fraud.request_id": TRACE,
        "fraud.model_version": "7",
        "fraud.model_digest": service.model.digest,
    }
    failed = invalid["data"]["baseData"]
    assert (failed["responseCode"], failed["success"]) == ("422", False)
