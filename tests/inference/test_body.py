"""Large bodies are read a few at a time for each caller, and compressed ones up to the limit."""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib

import pytest
from starlette.types import Message

from inference.body import MAX_LARGE_BODIES, SMALL_BODY_BYTES, BodyReader, Turns, body_limit
from inference.messages import Reply, RequestContext
from inference.serving import Serving
from tests.contracts import number
from tests.inference.calls import DISCONNECTED, pieces
from tests.inference.models import served

MEGABYTE = 1024 * 1024


class Client:
    """Sends the parts of a body when a test says so."""

    def __init__(self, bodies: BodyReader, caller: str, encoding: bytes = b"") -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        request = RequestContext("id", caller, encoding)
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


@pytest.mark.parametrize(
    ("name", "inputs", "rows", "fixed", "expected"),
    [
        ("x{:05}", 1, 1, None, 1024**2),
        ("x{:05}", 1000, 1, None, 1024**2),
        ("x{:02000}", 600, 1, None, 32 + 600 * 2043),
        ("x{:05}", 100, 1000, None, 1000 * (32 + 100 * 48)),
        ("x{:05}", 1000, 1000, None, 32 * 1024**2),
        ("x{:05}", 1000, 1000, 2000, 2000),
    ],
)
def test_the_limit_is_what_the_served_model_needs_or_the_setting(
    name: str, inputs: int, rows: int, fixed: int | None, expected: int
) -> None:
    serving = Serving()
    limit = body_limit(serving, fixed, rows)
    assert limit() == (fixed or MEGABYTE)
    numbers = [number(name.format(index)) for index in range(inputs)]
    serving.model = served(*numbers, weights=(0.0,) * inputs)
    assert limit() == expected


def test_a_limit_that_a_promotion_raises_holds_for_the_next_body() -> None:
    async def run() -> None:
        limit = 2000
        bodies = BodyReader(lambda: limit, Turns())
        for expected in (413, 200):
            client = Client(bodies, "alice")
            client.send(2001, more=False)
            body = await client.reading
            assert (body.status if isinstance(body, Reply) else 200) == expected
            limit = 3000

    asyncio.run(run())


def test_a_turn_lasts_until_the_request_has_ended() -> None:
    """Or all bodies that wait to be scored would be in memory at once."""

    async def run() -> None:
        bodies, scored = BodyReader(lambda: MEGABYTE, Turns()), asyncio.Event()

        async def handled(messages: asyncio.Queue[Message]) -> None:
            assert isinstance(await bodies.read(messages.get, RequestContext("id", "alice")), bytes)
            await scored.wait()

        tasks: list[asyncio.Task[None]] = []
        for _ in range(MAX_LARGE_BODIES):
            queue: asyncio.Queue[Message] = asyncio.Queue()
            for more in (True, False):
                body = b"x" * (SMALL_BODY_BYTES + 1)
                queue.put_nowait({"type": "http.request", "body": body, "more_body": more})
            tasks.append(asyncio.create_task(handled(queue)))
        next_one = Client(bodies, "alice")
        next_one.send(SMALL_BODY_BYTES + 1)
        next_one.send(1, more=False)
        await asyncio.sleep(0.01)
        assert next_one.waits
        scored.set()
        await asyncio.gather(*tasks)
        assert isinstance(await next_one.reading, bytes)

    asyncio.run(run())


def test_of_one_caller_few_large_bodies_are_read_at_a_time() -> None:
    async def run() -> None:
        bodies = BodyReader(lambda: MEGABYTE, Turns())
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


def test_readers_with_different_limits_share_the_turns() -> None:
    async def run() -> None:
        turns = Turns()
        bodies, tables = BodyReader(lambda: MEGABYTE, turns), BodyReader(lambda: MEGABYTE, turns)
        first = [Client(tables, "alice") for _ in range(MAX_LARGE_BODIES)]
        next_one = Client(bodies, "alice")
        for client in (*first, next_one):
            client.send(SMALL_BODY_BYTES + 1)
        next_one.send(1, more=False)
        await asyncio.sleep(0.01)
        assert next_one.waits
        first[0].disconnect()
        assert isinstance(await next_one.reading, bytes)
        for client in first:
            client.reading.cancel()
        await asyncio.gather(*(client.reading for client in first), return_exceptions=True)

    asyncio.run(run())


def test_a_caller_that_is_gone_leaves_its_place() -> None:
    async def run() -> None:
        bodies = BodyReader(lambda: MEGABYTE, Turns())
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
    return asyncio.run(BodyReader(lambda: max_bytes, Turns()).read(receive, request))


def refusal(body: bytes, encoding: bytes, *, max_bytes: int = MEGABYTE) -> tuple[int, bytes]:
    reply = read(body, encoding, max_bytes=max_bytes)
    assert isinstance(reply, Reply)
    return reply.status, reply.body


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"x-gzip"])
@pytest.mark.parametrize("size", [0, 1, 1023, 1024])
def test_a_gzip_body_is_decompressed(encoding: bytes, size: int) -> None:
    assert read(gzip.compress(b"x" * size), encoding, max_bytes=1024) == b"x" * size


def test_large_compressed_bodies_of_one_caller_take_one_turn_each() -> None:
    """With a second turn for decompression, four would wait for each other."""
    content = os.urandom(SMALL_BODY_BYTES)
    compressed = gzip.compress(content)
    assert len(compressed) > SMALL_BODY_BYTES
    bodies = BodyReader(lambda: MEGABYTE, Turns())

    async def one() -> bytes | Reply:
        parts = iter(pieces(compressed[:10], compressed[10:-10], compressed[-10:]))

        async def receive() -> Message:
            await asyncio.sleep(0)
            return next(parts)

        return await bodies.read(receive, RequestContext("id", "alice", b"gzip"))

    async def all_at_once() -> list[bytes | Reply]:
        tasks = [asyncio.create_task(one()) for _ in range(2 * MAX_LARGE_BODIES)]
        return await asyncio.wait_for(asyncio.gather(*tasks), 30)

    assert asyncio.run(all_at_once()) == [content] * (2 * MAX_LARGE_BODIES)


def test_slow_compressed_bodies_take_no_turn_before_they_have_arrived() -> None:
    async def run() -> None:
        bodies = BodyReader(lambda: MEGABYTE, Turns())
        slow = [Client(bodies, "alice", b"gzip") for _ in range(MAX_LARGE_BODIES)]
        for client in slow:
            client.send(10)
        await asyncio.sleep(0.01)
        parts = iter(pieces(gzip.compress(b"{}")))

        async def receive() -> Message:
            return next(parts)

        request = RequestContext("id", "alice", b"gzip")
        assert await asyncio.wait_for(bodies.read(receive, request), 5) == b"{}"
        for client in slow:
            client.reading.cancel()
        await asyncio.gather(*(client.reading for client in slow), return_exceptions=True)

    asyncio.run(run())


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
