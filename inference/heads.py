"""A limit for the head of a request, which uvicorn lacks: the next one must be there in time.

Without it, connections that never end a line of their head would stay for ever, until the process
has no file descriptor left for others (the attack is known as Slowloris). The body has a limit of
its own, in `inference.deadlines`.
"""

from __future__ import annotations

import asyncio

from inference.corked import CorkedProtocol

HEAD_SECONDS = 10.0


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
