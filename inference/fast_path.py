"""The fast path: POST /predict without the framework, whose routing is two thirds of a request.

Its responses equal those of the documented route byte for byte; the tests compare the two.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import Receive, Scope, Send

from inference.guard import Guard
from inference.messages import Reply, RequestContext, json_reply
from inference.predictor import Predictor

DISCONNECTED = Reply(400, b"")


class FastPath:
    """ASGI app: answers POST /predict without a query string, and passes everything else on."""

    def __init__(self, guard: Guard, predictor: Predictor, max_body_bytes: int) -> None:
        self._guard, self._predictor, self._max_body_bytes = guard, predictor, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["path"] != "/predict"
            or scope["method"] != "POST"
            or scope["query_string"]
        ):
            await self._guard(scope, receive, send)
            return
        start = time.perf_counter()
        guard = self._guard
        request, reply = guard.admit(scope, "/predict")
        if reply is None:
            task = guard.deadlines.enter()
            try:
                body = await read_body(receive, request, self._max_body_bytes)
                reply = body if isinstance(body, Reply) else self._predictor.predict(body, request)
            except (Exception, asyncio.CancelledError) as error:
                reply = guard.error_reply(request, task, error)
            finally:
                guard.deadlines.leave(task)
        headers = reply.header_list() + guard.headers(request, "POST", "/predict")
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
        scope["fraud"] = request
        guard.finish(request, "POST", "/predict", reply.status, start)


async def read_body(receive: Receive, request: RequestContext, max_bytes: int) -> bytes | Reply:
    """The body of a request; a Reply if it is too large, or the client closed the connection."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        chunks = bytearray(body)
        while message.get("more_body") and len(chunks) <= max_bytes:
            message = await receive()
            chunks += message.get("body", b"")
        body = bytes(chunks)
    if message["type"] == "http.disconnect":
        return DISCONNECTED  # not an error of the service, and not received by anyone
    if len(body) > max_bytes:
        detail = f"the body is larger than {max_bytes} bytes"
        return json_reply({"detail": detail}, 413, (b"connection", b"close"))
    request.body_read = True
    return body
