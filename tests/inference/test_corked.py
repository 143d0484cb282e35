"""A response in one write: what reaches the socket, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from inference.corked import CorkedProtocol, _Corked

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


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


def corked() -> tuple[_Corked, Written]:
    written = Written()
    return _Corked(written), written  # type: ignore[arg-type]


def test_head_and_body_are_one_write() -> None:
    async def answer() -> list[bytes]:
        transport, written = corked()
        transport.write(HEAD)
        transport.write(b"ok")
        await asyncio.sleep(0)
        return written.pieces

    assert asyncio.run(answer()) == [HEAD + b"ok"]


def test_a_head_whose_body_comes_later_does_not_wait_for_it() -> None:
    async def answer() -> list[bytes]:
        transport, written = corked()
        transport.write(HEAD)
        await asyncio.sleep(0)
        assert written.pieces == [HEAD]
        transport.write(b"ok")
        await asyncio.sleep(0)
        return written.pieces

    assert asyncio.run(answer()) == [HEAD, b"ok"]


def test_nothing_is_written_before_the_loop_turns_and_then_all_of_it() -> None:
    async def answer() -> list[bytes]:
        transport, written = corked()
        for body in (b"ok", b"no"):
            transport.write(HEAD)
            transport.write(body)
        assert written.pieces == []
        await asyncio.sleep(0)
        return written.pieces

    assert asyncio.run(answer()) == [HEAD + b"ok" + HEAD + b"no"]


def test_a_head_without_a_body_is_written_before_the_connection_closes() -> None:
    async def answer() -> tuple[list[bytes], bool]:
        transport, written = corked()
        transport.write(HEAD)
        transport.close()
        await asyncio.sleep(0)
        return written.pieces, written.closed

    assert asyncio.run(answer()) == ([HEAD], True)


def test_everything_else_is_the_transports_own() -> None:
    async def ask() -> Any:
        return corked()[0].get_extra_info("peername")

    assert asyncio.run(ask()) == "about peername"


@pytest.mark.parametrize("method", ["connection_made"])
def test_it_overrides_nothing_of_uvicorn_but(method: str) -> None:
    assert [name for name in vars(CorkedProtocol) if not name.startswith("__")] == [method]
