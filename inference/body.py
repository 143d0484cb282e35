"""Reading the body of a request, up to its size limit (413)."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

from inference.messages import Reply, RequestContext, json_reply

DISCONNECTED = Reply(400, b"")
SMALL_BODY_BYTES = 64 * 1024
MAX_LARGE_BODIES = 4


class BodyReader:
    """Reads bodies; of each caller, at most MAX_LARGE_BODIES large ones at a time.

    In one iteration, the event loop reads a part of every body that has arrived. With two hundred
    large ones, an iteration would take as long for each small one between them.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def read(self, receive: Receive, request: RequestContext) -> bytes | Reply:
        """The body of a request; a Reply if it is too large, or the client disconnected."""
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            chunks = bytearray(body)
            small = min(SMALL_BODY_BYTES, self._max_bytes)
            message = await _read_until(receive, message, chunks, small)
            if message.get("more_body"):
                async with self._turn_of(request.caller):
                    message = await _read_until(receive, message, chunks, self._max_bytes)
            body = bytes(chunks)
        if message["type"] == "http.disconnect":
            return DISCONNECTED  # not an error of the service, and not received by anyone
        if len(body) > self._max_bytes:
            detail = f"the body is larger than {self._max_bytes} bytes"
            return json_reply({"detail": detail}, 413, (b"connection", b"close"))
        request.body_read = True
        return body

    def _turn_of(self, caller: str) -> asyncio.Semaphore:
        return self._turns.setdefault(caller, asyncio.Semaphore(MAX_LARGE_BODIES))


async def _read_until(
    receive: Receive, message: Message, chunks: bytearray, max_bytes: int
) -> Message:
    """Add what arrives to `chunks` until it is more than so much; the last message."""
    while message.get("more_body") and len(chunks) <= max_bytes:
        message = await receive()
        chunks += message.get("body", b"")
    return message
