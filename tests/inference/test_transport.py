"""Writes that are collected, on a transport that keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

from inference.transport import CoalescingTransport

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

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 5

    def get_extra_info(self, name: str) -> Any:
        return f"about {name}"


def corked() -> tuple[CoalescingTransport, Written]:
    written = Written()
    return CoalescingTransport(written), written  # type: ignore[arg-type]


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


def test_it_counts_what_is_sent() -> None:
    async def sent() -> tuple[int, int]:
        transport, _ = corked()
        transport.write(ANSWER_HEAD)
        await asyncio.sleep(0)
        return transport.sent_bytes, transport.unsent_bytes

    assert asyncio.run(sent()) == (len(ANSWER_HEAD) - 5, 5)


def test_it_knows_when_it_is_closed() -> None:
    async def states() -> tuple[bool, bool]:
        transport, _ = corked()
        before = transport.is_closing()
        transport.close()
        return before, transport.is_closing()

    assert asyncio.run(states()) == (False, True)


def test_what_is_written_to_a_connection_that_is_lost_meanwhile_is_dropped() -> None:
    async def answer() -> list[bytes]:
        transport, written = corked()
        transport.write(ANSWER_HEAD)
        written.closed = True
        await asyncio.sleep(0)
        transport.close()
        return written.pieces

    assert asyncio.run(answer()) == []
