"""uvicorn's HTTP protocol with one write per response, and a timeout for request headers.

uvicorn writes the headers and the body of a response with a system call and in a packet each; for
responses of 200 bytes that is a tenth of the work. `CoalescingProtocol` collects what is written in
one iteration of the event loop and writes it at the end, so that a client that pipelines requests
also wakes up once.

uvicorn waits without limit for the header section of a request: clients that send it slowly, or not
at all, would use up the process's file descriptors (Slowloris attack). `HttpProtocol` closes such
connections. `inference.deadlines` limits the time for the body.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_TIMEOUT_SECONDS = 10.0


class _CoalescingTransport:
    """A transport that buffers writes until the event loop's next iteration."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._buffer:
            self._loop.call_soon(self._flush)
        self._buffer.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._buffer:
            self._transport.write(b"".join(self._buffer))
            self._buffer.clear()


class CoalescingProtocol(HttpToolsProtocol):
    """Writes each response at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, _CoalescingTransport(transport))


class HttpProtocol(CoalescingProtocol):
    """The protocol of the service, for uvicorn's setting `http`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since: float | None = self.loop.time()
        self._timer = self.loop.call_later(HEADER_TIMEOUT_SECONDS, self._close_if_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        self._waiting_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # otherwise, the next request has already been received
            self._waiting_since = self.loop.time()

    def _close_if_late(self) -> None:
        """Runs on one timer per connection: one per request would cost more."""
        now = self.loop.time()
        since = now if self._waiting_since is None else self._waiting_since
        if now - since >= HEADER_TIMEOUT_SECONDS:
            self.transport.close()
        else:
            delay = since + HEADER_TIMEOUT_SECONDS - now
            self._timer = self.loop.call_later(delay, self._close_if_late)
