"""Calling the service: the app in this process, or a real one over HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp, Message, Scope

from inference.app import Service
from inference.model import ServedModel
from registry.ledger.chain import Link

READY_SECONDS = 40.0
DISCONNECTED: Message = {"type": "http.disconnect"}

Result = TypeVar("Result")

ALICE = "alice 2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90"
BOB = "bob 81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9"
"""The sha256 of the tokens `alice` and `bob`."""


@dataclass(frozen=True)
class Answer:
    """What an app sent: nothing is tidied up by a client in between."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)

    def json(self) -> Any:
        return json.loads(self.body)


def pieces(*bodies: bytes, more: bool = False) -> list[Message]:
    """A request's body as a server hands it on; with `more`, its end never comes."""
    last = len(bodies) - 1
    return [
        {"type": "http.request", "body": body, "more_body": more or number < last}
        for number, body in enumerate(bodies)
    ]


def samples_of(text: str) -> dict[str, float]:
    """The samples of Prometheus' text, named such as `fraud_decisions_total{decision=approve}`."""
    read: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            read[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return read


async def ask(
    app: ASGIApp,
    messages: Iterable[Message],
    *,
    method: str = "POST",
    path: str = "/predict",
    query: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
    server: tuple[str, int | None] | None = ("127.0.0.1", 8000),
) -> Answer:
    """One request, message by message; after the last one its caller says nothing more."""
    left, sent = iter(messages), list[Message]()

    async def receive() -> Message:
        for message in left:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": list(headers),
        "client": ("127.0.0.1", 50_000),
        "server": server,
    }
    await app(scope, receive, send)
    start, *rest = sent
    body = b"".join(one.get("body", b"") for one in rest)
    return Answer(start["status"], list(start["headers"]), body)


class Caller:
    """Calls an app in this process, without its startup; what the app raises reaches the test."""

    def __init__(self, app: Service) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def serve(self, model: ServedModel) -> Caller:
        self.app.follower.serve(model)
        return self

    def get(self, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._runner.run(self._client.get(path, headers=named))

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """POST a body, as it is if it is bytes and else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._runner.run(self._client.post(path, content=content, headers=named))

    def run(self, doing: Coroutine[Any, Any, Result]) -> Result:
        """Run something of a test's own on this caller's event loop."""
        return self._runner.run(doing)

    def ask(self, body: bytes, **arguments: Any) -> Answer:
        """One request as `ask` makes it, with a whole body."""
        return self.run(ask(self.app, pieces(body), **arguments))

    def request(self, method: str, path: str) -> httpx.Response:
        return self._runner.run(self._client.request(method, path))

    @property
    def model(self) -> ServedModel:
        """What is served."""
        model = self.app.follower.serving.model
        assert model is not None
        return model

    def samples(self, **headers: str) -> dict[str, float]:
        """The samples of /metrics, named as `samples_of` does."""
        answer = self.get("/metrics", **headers)
        assert answer.status_code == 200
        return samples_of(answer.text)

    def send(self, body: bytes) -> httpx.Response:
        """POST a body to /predict as it is."""
        return self._runner.run(self._client.post("/predict", content=body))

    def predict(self, transaction: Any) -> httpx.Response:
        return self._runner.run(self._client.post("/predict", json=transaction))


@contextmanager
def calling(app: Service) -> Iterator[Caller]:
    caller = Caller(app)
    try:
        yield caller
    finally:
        caller.close()


def healthcheck(address: str) -> httpx.Response | None:
    """The response of /healthcheck; None while the port is closed."""
    try:
        return httpx.get(f"{address}/healthcheck")
    except httpx.TransportError:
        return None


@dataclass(frozen=True)
class RunningService:
    """A real service process that is ready, and what is in force in its ledger."""

    address: str
    head: Link


def wait_for_health(address: str, status: int, text: str = "") -> httpx.Response:
    """Wait until /healthcheck answers `status` with `text` in its body."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        answer = healthcheck(address)
        if answer is not None and answer.status_code == status and text in answer.text:
            return answer
        if time.monotonic() > deadline:
            said = "nothing" if answer is None else f"{answer.status_code} {answer.text}"
            raise AssertionError(f"no {status} with {text!r} from {address}; it says {said}")
        time.sleep(0.1)


def is_closed_when_idle(address: str, seconds: float) -> bool:
    """Whether a connection is closed so soon after it was answered."""
    where = urlsplit(address)
    with socket.create_connection((str(where.hostname), where.port or 80), seconds) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
        except TimeoutError:
            return False
        assert said.startswith(b"HTTP/1.1 200 OK")
        return True
