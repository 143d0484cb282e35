"""The fast path: POST /predict without the framework, whose routing is two thirds of a request.

Its responses equal those of the documented route byte for byte; the tests compare the two.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import Receive, Scope, Send

from inference.body import BodyReader
from inference.guard import Guard
from inference.messages import Reply
from inference.predictor import Predictor


class FastPath:
    """ASGI app: answers POST /predict without a query string, and passes everything else on."""

    def __init__(self, guard: Guard, predictor: Predictor, bodies: BodyReader) -> None:
        self._guard, self._predictor, self._bodies = guard, predictor, bodies

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
            task = guard.deadlines.enter(request.caller)
            try:
                body = await self._bodies.read(receive, request)
                if isinstance(body, Reply):
                    reply = body
                else:
                    reply = await self._predictor.predict(body, request)
            except (Exception, asyncio.CancelledError) as error:
                reply = guard.error_reply(request, guard.deadlines, task, error)
            finally:
                guard.deadlines.leave(task)
        headers = reply.header_list() + guard.headers(request, "POST", "/predict")
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
        scope["fraud"] = request
        guard.finish(request, "POST", "/predict", reply.status, start)
