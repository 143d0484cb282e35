"""The hot path: POST /predict, ahead of the framework, whose routing is two thirds of a request.

It answers what the documented route answers, to the byte; a test holds the two against each other.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import Receive, Scope, Send

from inference.answers import Answers, Reply, Request, json_reply
from inference.guard import Guard

DISCONNECTED = Reply(400, b"")


class HotPath:
    """ASGI: answers POST /predict without a query string itself, and passes the rest on."""

    def __init__(self, guard: Guard, answers: Answers, body_bytes: int) -> None:
        self._guard, self._answers, self._body_bytes = guard, answers, body_bytes

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
                body = await read_body(receive, request, self._body_bytes)
                reply = body if isinstance(body, Reply) else self._answers.one(body, request)
            except (Exception, asyncio.CancelledError) as error:
                reply = guard.instead(request, task, error)
            finally:
                guard.deadlines.leave(task)
        headers = reply.head() + guard.headers(request, "POST", "/predict")
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
        scope["fraud"] = request
        guard.finish(request, "POST", "/predict", reply.status, start)


async def read_body(receive: Receive, request: Request, most: int) -> bytes | Reply:
    """The request's body, or what to answer: it is too large, or its sender hung up."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        pieces = bytearray(body)
        while message.get("more_body") and len(pieces) <= most:
            message = await receive()
            pieces += message.get("body", b"")
        body = bytes(pieces)
    if message["type"] == "http.disconnect":
        return DISCONNECTED  # the caller's doing and no error of ours; nobody reads this
    if len(body) > most:
        detail = f"the body is larger than {most} bytes"
        return json_reply({"detail": detail}, 413, (b"connection", b"close"))
    request.body_read = True
    return body
