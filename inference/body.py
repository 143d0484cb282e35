"""Reading the body of a request, up to its size limit (413), as it is and decompressed."""

from __future__ import annotations

import asyncio
import zlib

from starlette.types import Message, Receive

from inference.messages import Reply, RequestContext, json_reply

DISCONNECTED = Reply(400, b"")
GZIP = (b"gzip", b"x-gzip")
UNSUPPORTED_ENCODING = json_reply(
    {"detail": "Content-Encoding must be gzip, or absent"}, 415, (b"accept-encoding", b"gzip")
)
INVALID_GZIP = json_reply({"detail": "the body is not a single, complete gzip member"}, 400)
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
        """The body of a request, decompressed.

        A Reply if it is too large or compressed in another way, or the client disconnected.
        """
        if request.encoding:
            return await self._read_encoded(receive, request)
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
            return self._too_large()
        request.body_read = True
        return body

    async def _read_encoded(self, receive: Receive, request: RequestContext) -> bytes | Reply:
        encoding, request.encoding = request.encoding.lower(), b""
        if encoding not in (*GZIP, b"identity"):
            return UNSUPPORTED_ENCODING
        body = await self.read(receive, request)
        if isinstance(body, Reply) or encoding == b"identity":
            return body
        try:
            return await self._decompressed(body, request.caller)
        except zlib.error:
            return INVALID_GZIP

    async def _decompressed(self, body: bytes, caller: str) -> bytes | Reply:
        """The content of a gzip file. No more of it is made than may be. Raises zlib.error.

        In a thread, because a hostile file takes long however short its content is. Of several
        members (RFC 1952), each of 20 bytes and empty, a body could hold too many.
        """
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        async with self._turn_of(caller):
            content = await asyncio.to_thread(gzip.decompress, body, self._max_bytes + 1)
        if len(content) > self._max_bytes:
            return self._too_large()
        return content if gzip.eof and not gzip.unused_data else INVALID_GZIP

    def _too_large(self) -> Reply:
        detail = f"the body is larger than {self._max_bytes} bytes"
        return json_reply({"detail": detail}, 413, (b"connection", b"close"))

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
