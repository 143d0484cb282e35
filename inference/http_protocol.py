"""uvicorn's HTTP protocol, with one system call for each answer and a limit for slow request heads.

uvicorn writes a response's head and body one after the other, each a system call and a packet; for
answers of 200 bytes that is a tenth of the work. `CorkedProtocol` writes everything of one turn of
the event loop at its end, so that the answers to requests that came together also wake their reader
together.

uvicorn waits for the head of a request for ever: connections that never end a line of it would stay
until the process has no file descriptor left for others (the attack is known as Slowloris).
`PunctualProtocol` closes them. The body has a limit of its own, in `inference.deadlines`.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0


class _Corked:
    """A transport that keeps what is written to it until the event loop turns."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            self._transport.write(b"".join(self._pieces))
            self._pieces.clear()


class CorkedProtocol(HttpToolsProtocol):
    """For uvicorn's setting `http`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, _Corked(transport))


class PunctualProtocol(CorkedProtocol):
    """For uvicorn's setting `http`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waits_since: float | None = self.loop.time()
        self._watch = self.loop.call_later(HEAD_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        self._waits_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else another request came with this one
            self._waits_since = self.loop.time()

    def _look(self) -> None:
        """One timer for a connection, and not one for each request, which would cost more."""
        now = self.loop.time()
        since = now if self._waits_since is None else self._waits_since
        if now - since >= HEAD_SECONDS:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(since + HEAD_SECONDS - now, self._look)
