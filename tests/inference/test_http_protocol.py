"""Bounds of what a client may send, and how long it may take, on real sockets."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from inference import http_protocol
from inference.http_bounds import (
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_UNWANTED_BYTES,
    MAX_URL_BYTES,
    max_connections,
)
from inference.http_protocol import HttpProtocol
from inference.messages import RequestContext

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
LIMIT = 0.3
STATE = ServerState()
CLOSED: list[str] = []

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEADER_TIMEOUT_SECONDS", LIMIT)
    monkeypatch.setattr(http_protocol, "WRITE_TIMEOUT_SECONDS", LIMIT)


async def slow(_: Scope, __: Receive, send: Send) -> None:
    """Answers after twice the limit."""
    await asyncio.sleep(2 * LIMIT)
    await answer(_, __, send)


async def answer(_: Scope, __: Receive, send: Send) -> None:
    head = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"ok"})


def received(
    client: Client,
    app: Callable[[Scope, Receive, Send], Awaitable[None]] = answer,
    idle_seconds: float = LIMIT,
) -> bytes:
    """What a client receives from a server with this protocol."""

    async def run() -> bytes:
        config = uvicorn.Config(app, http=HttpProtocol, lifespan="off", ws="none")
        config.timeout_keep_alive = cast(int, idle_seconds)
        config.load()
        STATE.connections.clear()
        CLOSED.clear()
        server = await asyncio.get_running_loop().create_server(
            lambda: HttpProtocol(config, STATE, {"count_closed": CLOSED.append}), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await asyncio.wait_for(client(reader, writer), 20 * LIMIT)
            finally:
                writer.close()

    return asyncio.run(run())


async def sends_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
    return await reader.read()


async def sends_headers_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(HEAD)
    reading = asyncio.ensure_future(reader.read())
    while not reading.done():
        writer.write(b"x-a: b\r\n")
        await asyncio.sleep(LIMIT / 4)
    return await reading


async def sends_line_ends_after_an_answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bytes:
    """They end the wait of an idle connection, without beginning a request."""
    writer.write(HEAD + b"\r\n")
    first = await reader.readuntil(b"ok")
    writer.write(b"\r\n")
    return first + await reader.read()


async def begins_another_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bytes:
    """After longer than a head may take."""
    writer.write(HEAD + b"\r\n")
    first = await reader.readuntil(b"ok")
    await asyncio.sleep(2 * LIMIT)
    writer.write(HEAD)
    return first + await reader.read()


@pytest.mark.parametrize(
    ("client", "answers"),
    [
        (sends_nothing, 0),
        (sends_headers_slowly, 0),
        (sends_line_ends_after_an_answer, 1),
        (begins_another_request, 1),
    ],
)
def test_a_late_header_section_closes_the_connection(client: Client, answers: int) -> None:
    assert received(client).count(b"200 OK") == answers


def test_an_idle_connection_is_kept_for_as_long_as_a_setting_says() -> None:
    async def asks_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        got = b""
        for pause in (3 * LIMIT, 0):
            writer.write(HEAD + b"\r\n")
            got += await reader.readuntil(b"ok")
            await asyncio.sleep(pause)
        return got + await reader.read() + b", closed"

    said = received(asks_again, idle_seconds=4 * LIMIT)
    assert said.count(b"200 OK") == 2
    assert said.endswith(b"ok, closed")
    assert CLOSED == []  # it is not what its client did


def test_a_slow_response_is_not_a_late_header_section() -> None:
    async def asks_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """At once: the second waits for the first, longer than any head may take."""
        writer.write((HEAD + b"\r\n") * 2)
        return await reader.readuntil(b"ok") + await reader.readuntil(b"ok")

    assert received(asks_twice, slow).count(b"200 OK") == 2

    async def begins_the_second(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        writer.write(HEAD + b"\r\n")
        await asyncio.sleep(LIMIT / 10)
        writer.write(HEAD)
        first = await reader.readuntil(b"ok")
        writer.write(b"\r\n")
        return first + await reader.readuntil(b"ok")

    assert received(begins_the_second, slow).count(b"200 OK") == 2


def test_a_connection_in_use_outlasts_the_header_timeout() -> None:
    async def asks_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        got = b""
        for _ in range(6):
            writer.write(HEAD + b"\r\n")
            got += await reader.readuntil(b"ok")
            await asyncio.sleep(LIMIT / 2)
        return got

    assert received(asks_again).count(b"200 OK") == 6


def sends(*sent: bytes) -> Client:
    """A client that writes these one after another, and reads until it is disconnected."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        reading = asyncio.ensure_future(reader.read())
        for piece in sent:
            if reading.done():
                break
            writer.write(piece)
            with suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(0.002)  # so that each arrives alone
        return await reading

    return client


def head_of(size: int) -> bytes:
    """A request without a body, of so many bytes."""
    start, end = HEAD + b"x-padding: ", b"\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


def in_pieces(data: bytes, size: int = 1000) -> Client:
    return sends(*(data[at : at + size] for at in range(0, len(data), size)))


@pytest.mark.parametrize("send", [sends, in_pieces], ids=["at once", "in pieces"])
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (head_of(MAX_HEAD_BYTES), b"200 OK"),
        (head_of(MAX_HEAD_BYTES + 1), b"431 Request Header Fields Too Large"),
        (head_of(200_000), b"431 Request Header Fields Too Large"),
        (b"\r\n" * MAX_HEAD_BYTES, b"431 Request Header Fields Too Large"),
        (b"GET /" + b"a" * 200_000, b"414 URI Too Long"),
        (HEAD + b"a: b\r\n" * (MAX_HEADERS - 1) + b"\r\n", b"200 OK"),
        (HEAD + b"a: b\r\n" * MAX_HEADERS + b"\r\n", b"431 Request Header Fields Too Large"),
        (b"GET /" + b"a" * (MAX_URL_BYTES - 1) + b" HTTP/1.1\r\n\r\n", b"200 OK"),
        (b"GET /" + b"a" * MAX_URL_BYTES + b" HTTP/1.1\r\n\r\n", b"414 URI Too Long"),
    ],
)
def test_a_head_is_bounded(head: bytes, status: bytes, send: Callable[..., Client]) -> None:
    assert received(send(head)).split(b"\r\n")[0] == b"HTTP/1.1 " + status


def test_a_head_after_a_request_is_bounded_too() -> None:
    said = received(sends(HEAD + b"\r\n", head_of(MAX_HEAD_BYTES), head_of(MAX_HEAD_BYTES + 1)))
    assert [line for line in said.split(b"\r\n") if b"HTTP/1.1 " in line] == [
        b"HTTP/1.1 200 OK",
        b"okHTTP/1.1 200 OK",
        b"okHTTP/1.1 431 Request Header Fields Too Large",
    ]


def test_many_heads_in_one_read_are_not_one_long_head() -> None:
    requests = head_of(MAX_HEAD_BYTES // 2) * 50
    assert received(sends(requests)).count(b"200 OK") == 50


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the length of the body and the names of the headers, read after the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    text = b"%d %b" % (size, b",".join(name for name, _ in scope["headers"]))
    head = [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": text})


def test_trailers_do_not_become_headers() -> None:
    body = b"1\r\nx\r\n0\r\nauthorization: Bearer alice\r\nx-request-id: mine\r\n\r\n"
    for client in (sends(CHUNKED + body), sends(CHUNKED, body), in_pieces(CHUNKED + body, 7)):
        assert received(client, echo).endswith(b"\r\n\r\n1 host,transfer-encoding")


@pytest.mark.parametrize(
    "body",
    [
        b"0\r\na: " + b"b" * 3 * MAX_FRAMING_BYTES,
        b"0\r\n" + b"a: b\r\n" * MAX_FRAMING_BYTES,
        b"1;" + b"a" * 3 * MAX_FRAMING_BYTES,
        b"1\r\nx\r\n" * MAX_FRAMING_BYTES,
    ],
    ids=["one trailer", "trailers", "extension", "chunks of one byte"],
)
@pytest.mark.parametrize("send", [sends, in_pieces], ids=["at once", "in pieces"])
def test_what_is_not_the_body_of_a_chunked_body_is_bounded(
    body: bytes, send: Callable[..., Client]
) -> None:
    said = received(send(CHUNKED + body), echo)
    assert said.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


def test_small_chunks_are_a_body() -> None:
    body = b"6\r\nabcdef\r\n" * 4000 + b"0\r\n\r\n"
    said = received(in_pieces(CHUNKED + body), echo)
    assert said.endswith(b"\r\n\r\n24000 host,transfer-encoding")


def test_a_body_is_read_for_a_megabyte_after_the_answer() -> None:
    def posts(size: int) -> Client:
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
        return sends(head, b"x" * size, HEAD + b"\r\n")

    assert received(posts(MAX_UNWANTED_BYTES)).count(b"200 OK") == 2
    with suppress(ConnectionError):
        assert received(posts(3 * MAX_UNWANTED_BYTES)).count(b"200 OK") == 1


def test_pipelined_requests_are_bounded() -> None:
    assert received(sends((HEAD + b"\r\n") * (MAX_PIPELINED + 1))).count(b"200 OK") == 101
    with suppress(ConnectionError):  # closed while it still sends
        assert received(sends((HEAD + b"\r\n") * 10_000)).count(b"200 OK") <= MAX_PIPELINED


def test_requests_that_never_start_leave_nothing_to_the_collector_of_cycles() -> None:
    """It would stop the service for as long as it takes to collect what clients left."""
    connections: list[weakref.ref[HttpProtocol]] = []
    queued: list[int] = []

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write((HEAD + b"\r\n") * 50)
        while not STATE.connections:
            await asyncio.sleep(0.01)
        (protocol,) = cast(set[HttpProtocol], STATE.connections)
        connections.append(weakref.ref(protocol))
        while not protocol.pipeline:
            await asyncio.sleep(0.01)
        queued.append(len(protocol.pipeline))
        writer.transport.abort()
        del protocol
        while STATE.connections or STATE.tasks:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        return b""

    gc.collect()
    gc.disable()
    try:
        received(cut, slow)
        left = [connection() for connection in connections]
    finally:
        gc.enable()
    assert queued == [49]
    assert left == [None]


UPGRADE = (
    b"connection: Upgrade, HTTP2-Settings\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\nupgrade: h2c\r\n"
)
"""As Java's `HttpClient` sends it with the first request of each connection."""
LENGTH = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        [LENGTH + UPGRADE + b"\r\nabcde"],
        [LENGTH + UPGRADE + b"\r\n", b"abcde"],
        [LENGTH + UPGRADE, b"\r\nab", b"cde"],
        [CHUNKED[:-2] + UPGRADE + b"\r\n5\r\nabcde\r\n0\r\n\r\n"],
        [CHUNKED[:-2] + UPGRADE + b"\r\n5\r\nab", b"cde\r\n0\r\n\r\n"],
        [LENGTH + b"connection: upgrade\r\nupgrade: websocket\r\n\r\nabcde"],
    ],
)
def test_a_request_for_another_protocol_is_answered_in_http_1(sent: list[bytes]) -> None:
    first, second = received(sends(*sent, LENGTH + b"\r\nabcde", b"x"), echo).split(b"HTTP/1.1 ")[
        1:3
    ]
    assert first.startswith(b"200 OK\r\n")
    assert b"\r\n\r\n5 host," in first
    assert b"upgrade" not in first.rpartition(b"\r\n\r\n5 ")[2]
    assert second.endswith(b"\r\n\r\n5 host,content-length")


def test_requests_for_another_protocol_are_bounded_as_others() -> None:
    asking = HEAD + UPGRADE + b"\r\n"
    assert received(sends(asking * (MAX_PIPELINED + 1))).count(b"200 OK") == MAX_PIPELINED + 1
    with suppress(ConnectionError):  # closed while it still sends
        assert received(sends(asking * 1000)).count(b"200 OK") <= MAX_PIPELINED
    too_long = HEAD + UPGRADE + b"a: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n"
    too_many = HEAD + UPGRADE + b"a: b\r\n" * MAX_HEADERS + b"\r\n"
    for head in (too_long, too_many):
        assert received(sends(head)).startswith(b"HTTP/1.1 431 ")
        assert received(in_pieces(head)).startswith(b"HTTP/1.1 431 ")


def test_a_tunnel_is_refused() -> None:
    assert received(sends(b"CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n")).startswith(
        b"HTTP/1.1 400 Bad Request\r\n"
    )


def test_what_is_not_http_gets_a_400() -> None:
    for sent in (b"\x16\x03\x01\x00", b"GET / HTTP/1.1\r\na b: c\r\n\r\n", b"GET * HTTP/9\r\n\r\n"):
        assert received(sends(sent)).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_refusal_is_never_taken_for_the_answer_to_an_earlier_request() -> None:
    """A proxy would hand it to the wrong client."""
    assert received(sends(HEAD + b"\r\n" + b"no HTTP\r\n\r\n"), slow) == b""


async def much(_: Scope, __: Receive, send: Send) -> None:
    """Answers 20 MB, more than the operating system buffers."""
    head = [(b"content-length", b"20000000")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    for left in reversed(range(200)):
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": left > 0})


def test_a_response_that_is_not_read_closes_the_connection() -> None:
    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD + b"\r\n")
        while STATE.connections:
            await asyncio.sleep(LIMIT / 10)
        return b"gone"

    assert received(waits, much) == b"gone"
    assert CLOSED == ["write timeout"]


@pytest.mark.parametrize(("waited", "counted"), [(0, ["write timeout"]), (60, [])])
def test_a_client_that_is_gone_while_its_connection_is_idle_leaves_no_response_unread(
    waited: float, counted: list[str]
) -> None:
    """With what it has not acknowledged, TCP gives up earlier than with a probe."""

    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD + b"\r\n")
        got = await reader.readuntil(b"ok")
        (protocol,) = cast(set[HttpProtocol], STATE.connections)
        protocol._waiting_since = protocol.loop.time() - waited
        protocol.connection_lost(TimeoutError())
        return got

    assert received(asks, idle_seconds=120).endswith(b"ok")
    assert counted == CLOSED


def test_a_response_that_is_read_slowly_arrives() -> None:
    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD + b"\r\n")
        size = 0
        for _ in range(20):
            size += len(await reader.read(1_000_000))
            await asyncio.sleep(LIMIT / 5)
        while size < 20_000_000:
            size += len(await reader.read(1_000_000))
        return b"%d" % size

    assert int(received(reads, much)) > 20_000_000


def test_one_connection_too_many_closes_the_one_that_waits_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(HttpProtocol, "max_connections", 3)

    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The first of five connections, which is in use until the others are made."""
        writer.write(HEAD + b"\r\n")
        host, port = writer.get_extra_info("peername")
        await asyncio.sleep(0.01)
        idle = [await asyncio.open_connection(host, port) for _ in range(4)]
        got = await reader.readuntil(b"ok")
        closed = [await asyncio.wait_for(one.read(), 1) for one, _ in idle[:2]]
        for _, other in idle:
            other.close()
        return got + b"%d" % len(closed)

    assert received(asks, slow).endswith(b"ok2")


def test_idle_connections_give_way_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it may stay."""
    monkeypatch.setattr(HttpProtocol, "max_connections", 3)

    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        host, port = writer.get_extra_info("peername")
        writer.write(HEAD + b"\r\n")
        got = await reader.readuntil(b"ok")
        others = [await asyncio.open_connection(host, port) for _ in range(4)]
        for other, sending in others:
            sending.write(HEAD + b"\r\n")
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                got += await other.readuntil(b"ok")
        closed = await reader.read()
        for _, sending in others:
            sending.close()
        return got + closed

    assert received(asks, idle_seconds=60).endswith(b"ok")
    assert set(CLOSED) == {"connections"}


async def answer_with_caller(scope: Scope, receive: Receive, send: Send) -> None:
    """The path is the name of the token."""
    await answer(scope, receive, send)
    scope["fraud"] = RequestContext("id", scope["path"].removeprefix("/"))


@pytest.mark.parametrize(
    "sent",
    [b"", HEAD, b"GET / HTTP/1.1\r\n\r\n"],
    ids=["nothing", "half a head", "a request without a token"],
)
def test_a_callers_idle_connection_outlasts_those_of_strangers(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HttpProtocol, "max_connections", 4)
    monkeypatch.setattr(http_protocol, "HEADER_TIMEOUT_SECONDS", 60)
    monkeypatch.setattr(http_protocol, "PROMPT_SECONDS", LIMIT)

    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        host, port = writer.get_extra_info("peername")
        ask = b"GET /alice HTTP/1.1\r\nhost: x\r\n\r\n"
        writer.write(ask)
        await reader.readuntil(b"ok")
        others = [await asyncio.open_connection(host, port) for _ in range(3)]
        for _, sending in others:
            sending.write(sent)
        await asyncio.sleep(2 * LIMIT)
        others.append(await asyncio.open_connection(host, port))
        newcomer, to_newcomer = others[-1]
        await asyncio.wait_for(others[0][0].read(), LIMIT)  # closed
        writer.write(ask)
        to_newcomer.write(ask)
        got = await reader.readuntil(b"ok") + await newcomer.readuntil(b"ok")
        for _, sending in others:
            sending.close()
        return got

    assert received(asks, answer_with_caller, idle_seconds=60).count(b"ok") == 2
    assert CLOSED == ["connections"]


@pytest.mark.parametrize(("files", "expected"), [(1024, 896), (1_000_000, 4096), (100, 1)])
def test_the_limit_on_open_files_bounds_the_number_of_connections(
    files: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (files, files))
    assert max_connections() == expected
