"""Answers in one write, and connections whose heads do not come in time, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from inference import http_protocol
from inference.http_protocol import CoalescingProtocol, HttpProtocol, _CoalescingTransport

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
LIMIT = 0.3

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEADER_TIMEOUT_SECONDS", LIMIT)


async def slow(_: Scope, __: Receive, send: Send) -> None:
    """Answers after twice the limit."""
    await asyncio.sleep(2 * LIMIT)
    await answer(_, __, send)


async def answer(_: Scope, __: Receive, send: Send) -> None:
    head = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"ok"})


def received(
    client: Client, app: Callable[[Scope, Receive, Send], Awaitable[None]] = answer
) -> bytes:
    """What a client receives from a server with this protocol."""

    async def run() -> bytes:
        config = uvicorn.Config(app, http=HttpProtocol, lifespan="off", ws="none")
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: HttpProtocol(config, state, {}), "127.0.0.1", 0
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
    """They end uvicorn's own wait for the next request, without beginning one."""
    writer.write(HEAD + b"\r\n")
    first = await reader.readuntil(b"ok")
    writer.write(b"\r\n")
    return first + await reader.read()


@pytest.mark.parametrize(
    ("client", "answers"),
    [(sends_nothing, 0), (sends_headers_slowly, 0), (sends_line_ends_after_an_answer, 1)],
)
def test_a_late_header_section_closes_the_connection(client: Client, answers: int) -> None:
    assert received(client).count(b"200 OK") == answers


def test_a_slow_response_is_not_a_late_header_section() -> None:
    async def asks_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """At once: the second waits for the first, longer than any head may take."""
        writer.write((HEAD + b"\r\n") * 2)
        return await reader.readuntil(b"ok") + await reader.readuntil(b"ok")

    assert received(asks_twice, slow).count(b"200 OK") == 2


def test_a_connection_in_use_outlasts_the_header_timeout() -> None:
    async def asks_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        got = b""
        for _ in range(6):
            writer.write(HEAD + b"\r\n")
            got += await reader.readuntil(b"ok")
            await asyncio.sleep(LIMIT / 2)
        return got

    assert received(asks_again).count(b"200 OK") == 6


ANSWER_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Written:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> Any:
        return f"about {name}"


def corked() -> tuple[_CoalescingTransport, Written]:
    written = Written()
    return _CoalescingTransport(written), written  # type: ignore[arg-type]


def test_headers_and_body_are_one_write() -> None:
    async def answer() -> list[bytes]:
        transport, written = corked()
        transport.write(ANSWER_HEAD)
        transport.write(b"ok")
        await asyncio.sleep(0)
        return written.pieces

    assert asyncio.run(answer()) == [ANSWER_HEAD + b"ok"]


def test_headers_are_written_before_a_body_that_comes_later() -> None:
    async def answer() -> list[bytes]:
        transport, written = corked()
        transport.write(ANSWER_HEAD)
        await asyncio.sleep(0)
        assert written.pieces == [ANSWER_HEAD]
        transport.write(b"ok")
        await asyncio.sleep(0)
        return written.pieces

    assert asyncio.run(answer()) == [ANSWER_HEAD, b"ok"]


def test_everything_is_written_at_the_next_iteration_of_the_loop() -> None:
    async def answer() -> list[bytes]:
        transport, written = corked()
        for body in (b"ok", b"no"):
            transport.write(ANSWER_HEAD)
            transport.write(body)
        assert written.pieces == []
        await asyncio.sleep(0)
        return written.pieces

    assert asyncio.run(answer()) == [ANSWER_HEAD + b"ok" + ANSWER_HEAD + b"no"]


def test_headers_without_a_body_are_written_before_the_connection_closes() -> None:
    async def answer() -> tuple[list[bytes], bool]:
        transport, written = corked()
        transport.write(ANSWER_HEAD)
        transport.close()
        await asyncio.sleep(0)
        return written.pieces, written.closed

    assert asyncio.run(answer()) == ([ANSWER_HEAD], True)


def test_everything_else_is_the_transports_own() -> None:
    async def ask() -> Any:
        return corked()[0].get_extra_info("peername")

    assert asyncio.run(ask()) == "about peername"


@pytest.mark.parametrize("method", ["connection_made"])
def test_it_overrides_nothing_of_uvicorn_but(method: str) -> None:
    assert [name for name in vars(CoalescingProtocol) if not name.startswith("__")] == [method]
