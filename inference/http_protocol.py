"""uvicorn's HTTP protocol with one write per response, and with bounds on what a client may send.

uvicorn writes the headers and the body of a response with a system call and in a packet each; for
responses of 200 bytes that is a tenth of the work. `CoalescingTransport` collects what is written
in one iteration of the event loop and writes it at the end, so that a client that pipelines
requests also wakes up once.

A request for another protocol, such as Java's `HttpClient` makes of its first one (`Upgrade: h2c`),
is answered in HTTP/1.1, as RFC 9110, section 7.8, allows. The parser would take its body for the
other protocol.

uvicorn waits without limit for the head of a request (Slowloris attack), buffers a head and the
trailers of a chunked body without limit, makes trailers headers of the request, parses as many
pipelined requests as arrive, and keeps a response until its client reads it. All of this happens
before anyone has shown a token. `HttpProtocol` bounds each: docs/hostile-clients.md has the table.
`inference.deadlines` limits the time for the body, `inference.body` its size.
"""

from __future__ import annotations

import asyncio
import heapq
import socket
from collections.abc import Callable
from typing import Any, ClassVar, cast

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inference.http_bounds import (
    BODY_PIECE_BYTES,
    FRAMING,
    HEAD,
    HEADERS,
    MALFORMED,
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_UNWANTED_BYTES,
    MAX_URL_BYTES,
    MIN_WRITE_BYTES,
    PIPELINED,
    SEND_BUFFER_BYTES,
    URL,
    Refusal,
    max_connections,
)
from inference.messages import RequestContext
from inference.transport import CoalescingTransport

HEADER_TIMEOUT_SECONDS = 10.0
WRITE_TIMEOUT_SECONDS = 10.0
PROMPT_SECONDS = 1.0
"""A client that sends its head within it is not closed for those that have waited longer."""
PROBE_SECONDS = 60
"""Between TCP's own probes of an idle connection, which keep it alive in Azure's load balancer (4
minutes), and find a client that is gone without a word."""


class Refused(Exception):
    """Raised in a callback, so that the parser reads no further."""


class HttpProtocol(HttpToolsProtocol):
    """The protocol of the service, for uvicorn's setting `http`."""

    transport: CoalescingTransport  # type: ignore[assignment]
    max_connections: ClassVar[int] = max_connections()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = CoalescingTransport(transport)
        connected = transport.get_extra_info("socket")
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            # What the kernel has taken and the client does not read is bounded too: a pod's limit
            # on memory includes it, and by default it is megabytes for each connection.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            milliseconds = round(WRITE_TIMEOUT_SECONDS * 1000)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_SECONDS)
        self.url = b""
        self._in_head = True
        self._upgrades = False
        self._messages = 0
        self._head_bytes = self._body_bytes = self._framing_bytes = self._unwanted_bytes = 0
        self._refusal, self._refused = MALFORMED, False
        now = self.loop.time()
        self._waiting_since: float | None = now
        self._sent_bytes, self._progress_at = 0, now
        self._timer = self.loop.call_later(HEADER_TIMEOUT_SECONDS / 4, self._check_times)
        if len(self.connections) > self.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        if isinstance(exc, TimeoutError) and not self._was_probed():
            self._count_closed("write timeout")
        super().connection_lost(exc)
        # Requests that will not start refer to this and are referred to by it: for the collector of
        # cycles they would be pauses of 0.1 s, in which no request is answered.
        for cycle, _ in self.pipeline:
            cycle.on_response = _nothing
        self.pipeline.clear()

    def _was_probed(self) -> bool:
        """Whether it waited so long that TCP's own probes have found its client gone."""
        since = self._waiting_since
        return since is not None and self.loop.time() - since >= PROBE_SECONDS

    def _make_room(self) -> None:
        """Close connections that wait, the cheapest to lose first, and of those the oldest."""
        now = self.loop.time()
        waiting = [
            (one._rank(now - since), since, id(one), one)
            for one in cast(set[HttpProtocol], self.connections)
            if (since := one._waiting_since) is not None
        ]
        # Several, or each further connection would cost as much.
        count = 1 + self.max_connections // 64
        for *_, one in heapq.nsmallest(count, waiting):
            one._drop("connections")

    def _rank(self, waited: float) -> int:
        """0 of a head that arrives slowly, 1 of an idle stranger, 2 of others: a gateway's pool is
        idle for minutes, and would else give way to a stranger's connections of a few seconds.
        """
        if not self._is_idle:
            return 2 if waited < PROMPT_SECONDS else 0
        request = self.cycle.scope.get("fraud")
        return 2 if isinstance(request, RequestContext) and request.caller else 1

    def data_received(self, data: bytes) -> None:
        if self._head_bytes + len(data) <= MAX_HEAD_BYTES:  # nearly always
            self._feed(data)
            return
        # In pieces, so that no head can be longer than the rest of its bound.
        rest = memoryview(data)
        while rest and not (self._refused or self.transport.is_closing()):
            size = MAX_HEAD_BYTES - self._head_bytes if self._in_head else BODY_PIECE_BYTES
            if size == 0:
                self._refuse(URL if len(self.url) > MAX_URL_BYTES else HEAD)
                return
            self._feed(rest[:size])
            rest = rest[size:]

    def _feed(self, data: bytes | memoryview) -> None:
        """Parse a piece of what was received, and count it."""
        in_head, messages, body_bytes = self._in_head, self._messages, self._body_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.logger.warning("invalid HTTP request")
            self._refuse(self._refusal)
            return
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
            return
        if self._messages != messages or self._in_head is not in_head:
            # What this piece holds of the next request's head is not counted.
            self._head_bytes = self._framing_bytes = self._unwanted_bytes = 0
            if not self._in_head and self._messages == messages:
                end = bytes(data).find(b"\r\n\r\n")  # of a head whose body goes on
                if end >= 0:
                    self._count_body(len(data) - end - 4, self._body_bytes - body_bytes)
        elif in_head:
            if self._is_idle and self._waiting_since is not None:
                self._waiting_since = self.loop.time()
            self._head_bytes += len(data)
        else:
            self._count_body(len(data), self._body_bytes - body_bytes)

    def _ignore_upgrade(self, rest: bytes | memoryview) -> None:
        """Read a request again without its header Upgrade, and `rest`, which follows its head."""
        self._upgrades = False
        headers = (b"%b: %b\r\n" % one for one in self.headers if one[0] != b"upgrade")
        request = self.parser.get_method(), self.url, self.parser.get_http_version().encode()
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self._feed(b"%b %b HTTP/%b\r\n%b\r\n" % (*request, b"".join(headers)))
        if rest and not self._refused:
            self._feed(rest)

    def _count_body(self, received: int, body: int) -> None:
        if self.cycle.response_complete:
            self._unwanted_bytes += received
            if self._unwanted_bytes > MAX_UNWANTED_BYTES:
                self._count_closed("unwanted body")
                self._refused = True
                self.transport.close_gently(self)
            return
        self._framing_bytes = max(0, self._framing_bytes + received - 2 * body)
        if self._framing_bytes > MAX_FRAMING_BYTES:
            self._refuse(FRAMING)

    def on_headers_complete(self) -> None:
        if (
            len(self.headers) > MAX_HEADERS
            or len(self.url) > MAX_URL_BYTES
            or len(self.pipeline) >= MAX_PIPELINED
        ):
            self._stop()
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise Refused
            self._upgrades = True
            return
        self._in_head = False
        self._waiting_since = None
        super().on_headers_complete()
        self.headers = []  # the request keeps the old list: trailers must not get into it

    def on_body(self, body: bytes) -> None:
        """As uvicorn's, which also asks whether the connection is a WebSocket, for each part."""
        self._body_bytes += len(body)
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """As uvicorn's, without that question."""
        if self._upgrades:  # not yet: only its head has been read
            return
        self._in_head = True
        self._messages += 1
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        """As uvicorn's, without a timer for each request: `_check_times` closes it if idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._waiting_since = self.loop.time()

    def _stop(self) -> None:
        if len(self.headers) > MAX_HEADERS:
            self._refusal = HEADERS
        else:
            self._refusal = URL if len(self.url) > MAX_URL_BYTES else PIPELINED
        raise Refused

    def _refuse(self, refusal: Refusal) -> None:
        """Close the connection, with a response unless another one is due first."""
        self._count_closed(refusal.reason)
        self._refused = True
        cycle = self.cycle
        answered = cycle is None or cycle.response_complete
        if not answered and (self._in_head or self.pipeline or cycle.response_started):
            self.transport.close()
            return
        if not answered:
            cycle.disconnected = True  # the request itself is refused: its app sends no more
            cycle.message_event.set()
        self.transport.write(refusal.response())
        self.transport.close_gently(self)

    def _drop(self, reason: str) -> None:
        """Close the connection at once, with all that its client has not read."""
        self._count_closed(reason)
        self._waiting_since = None  # it is gone, though the event loop has not said so yet
        self.transport.abort()

    def _count_closed(self, reason: str) -> None:
        count: Callable[[str], Any] | None = self.app_state.get("count_closed")
        if count:
            count(reason)

    def _check_times(self) -> None:
        """Runs on one timer per connection: one per request would cost more."""
        now = self.loop.time()
        if self._is_stalled(now):
            self._drop("write timeout")
            return
        delay = HEADER_TIMEOUT_SECONDS / 4
        if self._waiting_since is not None:
            timeout = self.timeout_keep_alive if self._is_idle else HEADER_TIMEOUT_SECONDS
            left = self._waiting_since + timeout - now
            if left > 0:
                delay = min(delay, left)
            else:
                if not (
                    self._is_idle or self.transport.is_closing() or self.transport.unsent_bytes
                ):
                    self._count_closed("header timeout")
                self.transport.close()
        self._timer = self.loop.call_later(delay, self._check_times)

    @property
    def _is_idle(self) -> bool:
        """Whether it waits for another request, of which nothing has arrived alone."""
        return self.cycle is not None and self._head_bytes == 0

    def _is_stalled(self, now: float) -> bool:
        """Whether the client leaves a response unread. It may have begun a check ago."""
        sent = self.transport.sent_bytes
        if not self.transport.unsent_bytes or sent - self._sent_bytes >= MIN_WRITE_BYTES:
            self._sent_bytes, self._progress_at = sent, now
            return False
        return now - self._progress_at >= WRITE_TIMEOUT_SECONDS + HEADER_TIMEOUT_SECONDS / 4


def _nothing() -> None:
    """What is done after the response to a request that never starts."""
