"""What stands before every route: who asks, how much, how long; and what every answer carries."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.answers import Reply, Request, json_reply
from inference.deadlines import Deadlines
from inference.metrics import Metrics
from inference.serving import Serving
from inference.settings import Settings, is_loopback
from inference.tokens import Tokens

OPEN = frozenset(
    {"/livez", "/readyz", "/healthcheck", "/ping", "/v2/health/live", "/v2/health/ready"}
)
"""Probes: kubelets and load balancers carry no token, and must be answered under load as well."""
DOCUMENTS = frozenset({"/", "/docs", "/openapi.json"})
DOCUMENTS_STATIC = "/static-offline-docs/"
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
TRACE_PARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

# ReDoc's page has a logo on somebody else's CDN: nothing may be fetched but from this service.
CONTENT_SECURITY_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src blob:; base-uri 'none'; frame-ancestors 'none'"
)
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
PAGE_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
    (b"referrer-policy", b"no-referrer"),
)

UNAUTHORIZED = json_reply(
    {"detail": "a bearer token is needed: `Authorization: Bearer TOKEN`"},
    401,
    (b"www-authenticate", b"Bearer"),
)
NOT_FROM_HERE = json_reply(
    {"detail": "FRAUD_AUTH=off answers on loopback only; set FRAUD_TOKENS to answer others"}, 403
)
BUSY = json_reply({"detail": "too many requests at a time"}, 503, (b"retry-after", b"1"))
TOO_SLOW = json_reply({"detail": "the body did not arrive in time"}, 408)
OUT_OF_TIME = json_reply({"detail": "no answer in time"}, 503, (b"retry-after", b"1"))
FAILED = json_reply({"detail": "internal error; the log says which, by the request's id"}, 500)

log = logging.getLogger("inference")


async def send_reply(send: Send, reply: Reply) -> None:
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.head()})
    await send({"type": "http.response.body", "body": reply.body})


def request_id(given: bytes | None, trace_parent: bytes | None) -> str:
    """The caller's own id, or the trace's (W3C Trace Context), or a new one of 128 random bits."""
    if given is not None and REQUEST_ID.fullmatch(given):
        return given.decode()
    if trace_parent is not None and (found := TRACE_PARENT.fullmatch(trace_parent)):
        return found[1].decode()
    # Seeded anew in each worker after the fork; an id must be new, but may be guessed.
    return f"{random.getrandbits(128):032x}"


class Guard:
    """ASGI middleware around every route. It puts a `Request` into the scope, as "fraud"."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        serving: Serving,
        metrics: Metrics,
        deadlines: Deadlines,
        paths: frozenset[str],
    ) -> None:
        """`paths` are the ones that metrics name: none that a caller made up.

        Raises UsageError where a file of tokens is not what it must be.
        """
        self._app, self._serving, self._metrics, self._paths = app, serving, metrics, paths
        self._tokens = Tokens(settings.tokens) if settings.auth == "on" else None
        self._metrics_tokens = Tokens(settings.metrics_tokens) if settings.metrics_tokens else None
        self._most = settings.in_flight
        self.deadlines = deadlines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        path: str = scope["path"]
        request, reply = self.admit(scope, path)
        scope["fraud"] = request
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += self.headers(request, scope["method"], path)
            await send(message)

        if reply is None:
            reply = await self._pass_on(scope, receive, answer, request)
        if reply and not status:
            await send_reply(answer, reply)
        self.finish(request, scope["method"], path, status, start)

    def admit(self, scope: Scope, path: str) -> tuple[Request, Reply | None]:
        """Who asks, and the refusal where that is nobody known, or one more than can be served."""
        authorization, given, trace_parent = b"", None, None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"x-request-id":
                given = value
            elif name == b"traceparent":
                trace_parent = value
        request = Request(request_id(given, trace_parent))
        if path in OPEN:
            return request, None
        if path not in DOCUMENTS and not path.startswith(DOCUMENTS_STATIC):
            tokens = self._tokens
            if path == "/metrics" and self._metrics_tokens:
                tokens = self._metrics_tokens
            if tokens is None:
                server = scope.get("server")
                if server is not None and not is_loopback(server[0]):
                    return request, NOT_FROM_HERE
            elif (caller := tokens.name_of(authorization)) is None:
                return request, UNAUTHORIZED
            else:
                request.caller = caller
        busy = len(self.deadlines) >= self._most and path != "/metrics"
        return request, BUSY if busy else None

    def headers(self, request: Request, method: str, path: str) -> list[tuple[bytes, bytes]]:
        """What every answer carries; the fewer, the faster, so what is scored has the least."""
        headers = [(b"x-request-id", request.id.encode()), NO_SNIFFING]
        if method != "POST":
            headers.append(NO_STORE)
        if path in DOCUMENTS:
            headers += PAGE_HEADERS
        if self._serving.draining:
            headers.append((b"connection", b"close"))
        return headers

    def finish(self, request: Request, method: str, path: str, status: int, start: float) -> None:
        """Count the request, and log it if it was refused."""
        route = path if path in self._paths else "(other)"
        self._metrics.answered(route, status, time.perf_counter() - start)
        if status >= 400:
            log.info("%s %s: %d", method, path, status, extra={"request_id": request.id})

    def instead(self, request: Request, task: asyncio.Task[None], error: BaseException) -> Reply:
        """What to answer where a request took too long or failed. Raises what is neither."""
        if isinstance(error, asyncio.CancelledError):
            if not self.deadlines.passed(task):
                raise error
            return OUT_OF_TIME if request.body_read else TOO_SLOW
        log.error("failed", exc_info=error, extra={"request_id": request.id})
        return FAILED

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, request: Request
    ) -> Reply | None:
        """Let the request through; what to answer instead where it took too long or failed."""
        task = self.deadlines.enter()
        try:
            await self._app(scope, receive, send)
        except (Exception, asyncio.CancelledError) as error:
            return self.instead(request, task, error)
        finally:
            self.deadlines.leave(task)
        return None
