"""Calling the service: the app in this process, or a real one over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from inference.model import ServedModel

READY_SECONDS = 40.0


class Caller:
    """Calls an app in this process, without its startup; what the app raises reaches the test."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://service")

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()

    def serve(self, model: ServedModel) -> Caller:
        self.app.state.serving.model = model
        return self

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._client.get(path))

    def send(self, body: bytes) -> httpx.Response:
        """POST a body to /predict as it is."""
        return self._runner.run(self._client.post("/predict", content=body))

    def predict(self, transaction: Any) -> httpx.Response:
        return self._runner.run(self._client.post("/predict", json=transaction))


@contextmanager
def calling(app: FastAPI) -> Iterator[Caller]:
    caller = Caller(app)
    try:
        yield caller
    finally:
        caller.close()


def healthcheck(address: str) -> httpx.Response | None:
    """What /healthcheck answers; None while nobody listens."""
    try:
        return httpx.get(f"{address}/healthcheck")
    except httpx.TransportError:
        return None


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
