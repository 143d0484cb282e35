"""Connections whose heads do not come in time, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from inference import heads
from inference.heads import PunctualProtocol

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
LIMIT = 0.3

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", LIMIT)


async def slow(_: Scope, __: Receive, send: Send) -> None:
    """Answers after twice the limit."""
    await asyncio.sleep(2 * LIMIT)
    await answer(_, __, send)


async def answer(_: Scope, __: Receive, send: Send) -> None:
    head = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"ok"})


def told(client: Client, app: Callable[[Scope, Receive, Send], Awaitable[None]] = answer) -> bytes:
    """What a client gets from a server with this protocol."""

    async def run() -> bytes:
        config = uvicorn.Config(app, http=PunctualProtocol, lifespan="off", ws="none")
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: PunctualProtocol(config, state, {}), "127.0.0.1", 0
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await asyncio.wait_for(client(reader, writer), 20 * LIMIT)
            finally:
                writer.close()

    return asyncio.run(run())


async def says_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
    return await reader.read()


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
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
    [(says_nothing, 0), (trickles, 0), (sends_line_ends_after_an_answer, 1)],
)
def test_a_head_that_does_not_come_in_time_ends_the_connection(
    client: Client, answers: int
) -> None:
    assert told(client).count(b"200 OK") == answers


def test_a_slow_answer_is_no_slow_head() -> None:
    async def asks_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """At once: the second waits for the first, longer than any head may take."""
        writer.write((HEAD + b"\r\n") * 2)
        return await reader.readuntil(b"ok") + await reader.readuntil(b"ok")

    assert told(asks_twice, slow).count(b"200 OK") == 2


def test_a_connection_in_use_lasts_longer_than_a_head_may_take() -> None:
    async def asks_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        got = b""
        for _ in range(6):
            writer.write(HEAD + b"\r\n")
            got += await reader.readuntil(b"ok")
            await asyncio.sleep(LIMIT / 2)
        return got

    assert told(asks_again).count(b"200 OK") == 6
