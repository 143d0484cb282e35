"""Reading the body of a request, up to its size limit (413), as it is and decompressed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

from starlette.types import Message, Receive

from inference.body_limits import MAX_BODY_BYTES, MIN_BODY_BYTES
from inference.messages import Reply, RequestContext, json_reply
from inference.serving import Serving

DISCONNECTED = Reply(400, b"")
GZIP = (b"gzip", b"x-gzip")
UNSUPPORTED_ENCODING = json_reply(
    {"detail": "Content-Encoding must be gzip, or absent"}, 415, (b"accept-encoding", b"gzip")
)
INVALID_GZIP = json_reply({"detail": "the body is not a single, complete gzip member"}, 400)
SMALL_BODY_BYTES = 64 * 1024
MIN_LIMIT_BYTES = 1024
"""No limit is below it, so that most bodies need not be compared with the limit."""
MAX_LARGE_BODIES = 4


def body_limit(serving: Serving, fixed_bytes: int | None, rows: int) -> Callable[[], int]:
    """A function for the largest allowed body: `fixed_bytes` if it is given, or else what `rows`
    transactions of the served model need, between MIN_BODY_BYTES and MAX_BODY_BYTES.
    """

    def limit() -> int:
        if fixed_bytes is not None:
            return fixed_bytes
        needed = rows * serving.model.transaction_bytes if serving.model else 0
        return max(MIN_BODY_BYTES, min(needed, MAX_BODY_BYTES))

    return limit


class Turns:
    """Let each caller have at most MAX_LARGE_BODIES large bodies at a time, on all routes together.

    In one iteration, the event loop reads a part of every body that has arrived. With two hundred
    large ones, an iteration would take as long for each small one between them. A turn ends with
    its request, so that no more large bodies of a caller are in memory.
    """

    def __init__(self) -> None:
        self._by_caller: dict[str, asyncio.Semaphore] = {}
        self._holders: set[asyncio.Task[Any]] = set()

    async def take(self, caller: str) -> None:
        """Wait for a turn, which ends with the request's own task; a task takes only one."""
        task = asyncio.current_task()
        if task is None or task in self._holders:
            return
        turns = self._by_caller.setdefault(caller, asyncio.Semaphore(MAX_LARGE_BODIES))
        await turns.acquire()
        self._holders.add(task)

        def end(ended: asyncio.Task[Any]) -> None:
            self._holders.discard(ended)
            turns.release()

        task.add_done_callback(end)


class BodyReader:
    """Reads bodies up to a limit; large ones of a caller in turns."""

    def __init__(self, max_bytes: Callable[[], int], turns: Turns) -> None:
        """`max_bytes` is the largest allowed body; it is called for each body above 1 KiB.

        Readers with different limits share the turns.
        """
        self._max_bytes, self._turns = max_bytes, turns

    async def read(self, receive: Receive, request: RequestContext) -> bytes | Reply:
        """The body of a request, decompressed.

        A Reply if it is too large or compressed in another way, or the client disconnected.
        """
        if request.encoding:
            return await self._read_encoded(receive, request)
        return await self._received(receive, request)

    async def _received(self, receive: Receive, request: RequestContext) -> bytes | Reply:
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            chunks = bytearray(body)
            max_bytes = self._max_bytes()
            small = min(SMALL_BODY_BYTES, max_bytes)
            message = await _read_until(receive, message, chunks, small)
            if message.get("more_body") and len(chunks) <= max_bytes:
                await self._turns.take(request.caller)
                message = await _read_until(receive, message, chunks, max_bytes)
            body = bytes(chunks)
        if message["type"] == "http.disconnect":
            return DISCONNECTED  # not an error of the service, and not received by anyone
        if len(body) > MIN_LIMIT_BYTES and len(body) > (max_bytes := self._max_bytes()):
            return _too_large(max_bytes)
        request.body_read = True
        return body

    async def _read_encoded(self, receive: Receive, request: RequestContext) -> bytes | Reply:
        encoding = request.encoding.lower()
        if encoding == b"identity":
            return await self._received(receive, request)
        if encoding not in GZIP:
            return UNSUPPORTED_ENCODING
        body = await self._received(receive, request)
        if isinstance(body, Reply):
            return body
        # Not before it has arrived, or slow uploads would block the caller's other requests.
        await self._turns.take(request.caller)
        try:
            return await self._decompressed(body)
        except zlib.error:
            return INVALID_GZIP

    async def _decompressed(self, body: bytes) -> bytes | Reply:
        """The content of a gzip file. No more of it is made than may be. Raises zlib.error.

        In a thread, because a hostile file takes long however short its content is. Of several
        members (RFC 1952), each of 20 bytes and empty, a body could hold too many.
        """
        gzip, max_bytes = zlib.decompressobj(zlib.MAX_WBITS | 16), self._max_bytes()
        content = await asyncio.to_thread(gzip.decompress, body, max_bytes + 1)
        if len(content) > max_bytes:
            return _too_large(max_bytes)
        return content if gzip.eof and not gzip.unused_data else INVALID_GZIP


def _too_large(max_bytes: int) -> Reply:
    detail = f"the body is larger than {max_bytes} bytes"
    return json_reply({"detail": detail}, 413, (b"connection", b"close"))


async def _read_until(
    receive: Receive, message: Message, chunks: bytearray, max_bytes: int
) -> Message:
    """Add what arrives to `chunks` until it is more than so much; the last message."""
    while message.get("more_body") and len(chunks) <= max_bytes:
        message = await receive()
        chunks += message.get("body", b"")
    return message
