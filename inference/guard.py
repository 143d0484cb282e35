"""The guard in front of every route: authentication, overload, timeouts, and common headers."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.deadlines import Deadlines
from inference.messages import Reply, RequestContext, json_reply
from inference.metrics import Metrics
from inference.serving import Serving
from inference.settings import Settings, is_loopback
from inference.tokens import SCOPES, Tokens, TokenScope

PROBES = frozenset(
    {"/livez", "/readyz", "/healthcheck", "/ping", "/v2/health/live", "/v2/health/ready"}
)
"""Answered without a token, which kubelets and load balancers do not have, and under overload."""
PAGES = frozenset({"/", "/docs", "/openapi.json"})
STATIC_PREFIX = "/static-offline-docs/"
MAX_PAGE_REQUESTS = 16
"""Maximum number of concurrent requests for the documentation, which needs no token."""
MAX_CALLER_SHARE = 0.75
"""Of the maximum number of concurrent requests, for one of several callers."""
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
TRACE_PARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

# ReDoc's page includes a logo from a CDN; the policy allows requests to this service only.
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
    {"detail": "a bearer token is required: `Authorization: Bearer TOKEN`"},
    401,
    (b"www-authenticate", b"Bearer"),
)
FORBIDDEN = {
    scope: json_reply(
        {
            "detail": f"this token has no scope `{scope}`; create one that has it with "
            f"`python -m inference token NAME --scope {scope}`"
        },
        403,
    )
    for scope in SCOPES
}
LOOPBACK_ONLY = json_reply(
    {"detail": "with FRAUD_AUTH=off only requests on loopback are allowed; set FRAUD_TOKENS"}, 403
)
PAGES_BUSY = json_reply(
    {"detail": "too many concurrent requests for the documentation"}, 503, (b"retry-after", b"1")
)
BUSY = json_reply({"detail": "too many concurrent requests"}, 503, (b"retry-after", b"1"))
BODY_TIMEOUT = json_reply({"detail": "the body did not arrive in time"}, 408)
TIMEOUT = json_reply({"detail": "the request took too long"}, 503, (b"retry-after", b"1"))
INTERNAL_ERROR = json_reply(
    {"detail": "internal error; the log has the details under the request id"}, 500
)

log = logging.getLogger("inference")


async def send_reply(send: Send, reply: Reply) -> None:
    headers = reply.header_list()
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def request_id(client_id: bytes | None, trace_parent: bytes | None) -> str:
    """The client's own id, or the trace id (W3C Trace Context), or 128 random bits in hex."""
    if client_id is not None and REQUEST_ID.fullmatch(client_id):
        return client_id.decode()
    if trace_parent is not None and (match := TRACE_PARENT.fullmatch(trace_parent)):
        return match[1].decode()
    # Python reseeds `random` after a fork. Ids must be unique, but need not be unpredictable.
    return f"{random.getrandbits(128):032x}"


def without_id(path: str) -> str:
    """A path for logs and traces: without the id of a card or the like."""
    return "/entities/{kind}/{id}" if path.startswith("/entities/") else path


def scope_of(path: str) -> TokenScope:
    """What a token must allow for a path."""
    if path == "/predict":  # nearly always
        return "predict"
    if path == "/labels":
        return "labels"
    return "history" if path.startswith("/entities/") else "predict"


def _authenticate(
    request: RequestContext, scope: Scope, path: str, tokens: Tokens | None, authorization: bytes
) -> Reply | None:
    """Note the caller in the request; a Reply if it is rejected."""
    if tokens is None:
        server = scope.get("server")
        return LOOPBACK_ONLY if server is not None and not is_loopback(server[0]) else None
    caller = tokens.name_of(authorization)
    if caller is None:
        return UNAUTHORIZED
    request.caller = caller
    needed = scope_of(path)
    return None if tokens.allows(caller, needed) else FORBIDDEN[needed]


class Guard:
    """ASGI middleware around all routes. It adds the `RequestContext` to the scope, as "fraud"."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        serving: Serving,
        metrics: Metrics,
        deadlines: Deadlines,
        paths: frozenset[str],
    ) -> None:
        """`deadlines` is for requests with a token, whose maximum number no other request uses up.

        `paths` may become labels of metrics; a client cannot add others.

        Raises UsageError where a token file is invalid.
        """
        self._app, self._serving, self._metrics, self._paths = app, serving, metrics, paths
        self._tokens = Tokens(settings.tokens) if settings.auth == "on" else None
        self._metrics_tokens = Tokens(settings.metrics_tokens) if settings.metrics_tokens else None
        self._root_path = settings.root_path
        self._max_in_flight = settings.in_flight
        self._caller_share = MAX_CALLER_SHARE * settings.in_flight
        self.deadlines = deadlines
        self._page_deadlines = Deadlines(settings.request_seconds)
        self._probe_deadlines = Deadlines(settings.request_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        path: str = scope["path"]
        request, reply = self.admit(scope, path)
        scope["fraud"] = request
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += self.headers(request, scope["method"], path)
            await send(message)

        if reply is None:
            reply = await self._pass_on(scope, receive, send_with_headers, request)
        if reply and not status:
            await send_reply(send_with_headers, reply)
        self.finish(request, scope["method"], path, status, start)

    def admit(self, scope: Scope, path: str) -> tuple[RequestContext, Reply | None]:
        """Authenticate a request and check for overload; a Reply if it is rejected."""
        authorization, client_id, trace_parent, encoding = b"", None, None, b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"x-request-id":
                client_id = value
            elif name == b"traceparent":
                trace_parent = value
            elif name == b"content-encoding":
                encoding = value
        request = RequestContext(request_id(client_id, trace_parent), "", encoding)
        if path in PROBES:
            return request, None
        if path in PAGES or path.startswith(STATIC_PREFIX):
            busy = len(self._page_deadlines) >= MAX_PAGE_REQUESTS
            return request, PAGES_BUSY if busy else None
        tokens = (self._metrics_tokens if path == "/metrics" else None) or self._tokens
        if refused := _authenticate(request, scope, path, tokens, authorization):
            return request, refused
        if (
            len(self.deadlines) >= self._caller_share
            and path != "/metrics"
            and self._has_no_share(request.caller, tokens)
        ):
            return request, BUSY
        return request, None

    def _has_no_share(self, caller: str, tokens: Tokens | None) -> bool:
        """Whether all requests in flight are too many, or those of one caller of several."""
        if len(self.deadlines) >= self._max_in_flight:
            return True
        several = tokens is not None and len(tokens) > 1
        return several and self.deadlines.count(caller) >= self._caller_share

    def headers(self, request: RequestContext, method: str, path: str) -> list[tuple[bytes, bytes]]:
        """The headers that are added to a response. Each costs time, so predictions get fewest."""
        headers = [(b"x-request-id", request.id.encode()), NO_SNIFFING]
        if method != "POST":
            headers.append(NO_STORE)
        if path in PAGES:
            headers += PAGE_HEADERS
        if self._serving.draining:
            headers.append((b"connection", b"close"))
        return headers

    def finish(
        self, request: RequestContext, method: str, path: str, status: int, start: float
    ) -> None:
        """Count the request, and log it if it failed."""
        route = path if path in self._paths else "(other)"
        self._metrics.request_done(route, status, time.perf_counter() - start, request.caller)
        if status >= 400:
            extra = {
                "request_id": request.id,
                "caller": request.caller,
                "reason": f"{request.caller} {status}",
            }
            log.info("%s %s: %d", method, without_id(path), status, extra=extra)

    def reload_tokens(self) -> None:
        """Read the token files now, instead of at the next request after they changed."""
        for tokens in filter(None, (self._tokens, self._metrics_tokens)):
            tokens.reload()

    def error_reply(
        self,
        request: RequestContext,
        deadlines: Deadlines,
        task: asyncio.Task[None],
        error: BaseException,
    ) -> Reply:
        """The reply to a request that timed out or failed. Raises any other cancellation again."""
        if isinstance(error, asyncio.CancelledError):
            if not deadlines.passed(task):
                raise error
            return TIMEOUT if request.body_read else BODY_TIMEOUT
        log.error("request failed", exc_info=error, extra={"request_id": request.id})
        return INTERNAL_ERROR

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, request: RequestContext
    ) -> Reply | None:
        """Call the framework; a Reply if the request timed out or failed there."""
        path, deadlines = scope["path"], self.deadlines
        if path in PROBES:
            deadlines = self._probe_deadlines
        elif path in PAGES or path.startswith(STATIC_PREFIX):
            deadlines = self._page_deadlines
        if deadlines is not self.deadlines:
            scope["query_string"] = b""  # no such route reads it, and to parse it takes long
        if scope["method"] == "HEAD":
            # Answered as GET. The server still sees HEAD in its own scope, and sends no body.
            scope = {**scope, "method": "GET"}
        if path in PAGES:  # whose addresses a browser sees, unlike those of other routes
            scope = {**scope, "root_path": self._root_path, "path": self._root_path + path}
        task = deadlines.enter(request.caller)
        try:
            await self._app(scope, receive, send)
        except (Exception, asyncio.CancelledError) as error:
            return self.error_reply(request, deadlines, task, error)
        finally:
            deadlines.leave(task)
        return None
