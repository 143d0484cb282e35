"""Large bodies are read a few at a time for each caller, and compressed ones up to the limit."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest
from starlette.types import Message

from inference.body import MAX_LARGE_BODIES, SMALL_BODY_BYTES, BodyReader
from inference.messages import Reply, RequestContext
from tests.inference.calls import DISCONNECTED, pieces

MEGABYTE = 1024 * 1024


class Client:
    """Sends the parts of a body when a test says so."""

    def __init__(self, bodies: BodyReader, caller: str) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        request = RequestContext("id", caller)
        self.reading = asyncio.create_task(bodies.read(self._messages.get, request))

    def send(self, size: int, *, more: bool = True) -> None:
        part: Message = {"type": "http.request", "body": b"x" * size, "more_body": more}
        self._messages.put_nowait(part)

    def disconnect(self) -> None:
        self._messages.put_nowait(DISCONNECTED)

    @property
    def waits(self) -> bool:
        """Whether a part was sent that is not read."""
        return not self._messages.empty()


def test_of_one_caller_few_large_bodies_are_read_at_a_time() -> None:
    async def run() -> None:
        bodies = BodyReader(MEGABYTE)
        large = [Client(bodies, "alice") for _ in range(MAX_LARGE_BODIES + 1)]
        small, others = Client(bodies, "alice"), Client(bodies, "bob")
        for client in (*large, others):
            client.send(SMALL_BODY_BYTES + 1)
        small.send(10)
        await asyncio.sleep(0.01)
        large[-1].send(10, more=False)
        small.send(SMALL_BODY_BYTES - 10, more=False)
        others.send(10, more=False)
        for client in (small, others):
            await client.reading
        assert large[-1].waits
        for client in large[:-1]:
            client.send(10, more=False)
        for client in (small, others, *large):
            body = await client.reading
            assert isinstance(body, bytes)
            assert len(body) in (SMALL_BODY_BYTES, SMALL_BODY_BYTES + 11)

    asyncio.run(run())


def test_a_caller_that_is_gone_leaves_its_place() -> None:
    async def run() -> None:
        bodies = BodyReader(MEGABYTE)
        gone = [Client(bodies, "alice") for _ in range(MAX_LARGE_BODIES)]
        next_one = Client(bodies, "alice")
        for client in (*gone, next_one):
            client.send(SMALL_BODY_BYTES + 1)
        next_one.send(1, more=False)
        await asyncio.sleep(0.01)
        assert next_one.waits
        gone[0].disconnect()
        left = await gone[0].reading
        assert isinstance(left, Reply)
        assert left.status == 400
        gone[1].reading.cancel()
        body = await next_one.reading
        assert isinstance(body, bytes)
        for client in gone[1:]:
            client.reading.cancel()
        await asyncio.gather(*(client.reading for client in gone[1:]), return_exceptions=True)

    asyncio.run(run())


def read(body: bytes, encoding: bytes, *, max_bytes: int = MEGABYTE) -> bytes | Reply:
    """What is read of a body in two pieces."""
    messages = iter(pieces(body[:10], body[10:]))

    async def receive() -> Message:
        return next(messages)

    request = RequestContext("id", "alice", encoding)
    return asyncio.run(BodyReader(max_bytes).read(receive, request))


def refusal(body: bytes, encoding: bytes, *, max_bytes: int = MEGABYTE) -> tuple[int, bytes]:
    reply = read(body, encoding, max_bytes=max_bytes)
    assert isinstance(reply, Reply)
    return reply.status, reply.body


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"x-gzip"])
@pytest.mark.parametrize("size", [0, 1, 1023, 1024])
def test_a_gzip_body_is_decompressed(encoding: bytes, size: int) -> None:
    assert read(gzip.compress(b"x" * size), encoding, max_bytes=1024) == b"x" * size


def test_identity_is_no_compression() -> None:
    assert read(b"{}", b"identity") == b"{}"


def test_a_gzip_body_keeps_the_limit_decompressed() -> None:
    too_large = (413, b'{"detail":"the body is larger than 1024 bytes"}')
    for size in (1025, 100_000_000):
        assert refusal(gzip.compress(b" " * size), b"gzip", max_bytes=1024) == too_large
    stored = gzip.compress(b"x" * 1024, compresslevel=0)
    assert len(stored) > 1024
    assert refusal(stored, b"gzip", max_bytes=1024) == too_large


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        gzip.compress(b"{}")[:-1],
        gzip.compress(b"{}")[:-8] + b"\0" * 8,
        gzip.compress(b"{}") + b"{}",
        gzip.compress(b"{") + gzip.compress(b"}"),
        zlib.compress(b"{}"),
    ],
    ids=["empty", "JSON", "cut", "wrong checksum", "more", "two members", "zlib"],
)
def test_what_is_not_one_gzip_member_is_refused(body: bytes) -> None:
    said = b'{"detail":"the body is not a single, complete gzip member"}'
    assert refusal(body, b"gzip") == (400, said)


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"zstd", b"gzip, gzip", b"\xff"])
def test_another_compression_is_refused(encoding: bytes) -> None:
    said = b'{"detail":"Content-Encoding must be gzip, or absent"}'
    assert refusal(b"{}", encoding) == (415, said)
