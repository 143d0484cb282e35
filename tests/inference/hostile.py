"""What a hostile client tries against a running service, and what the service does about it.

The tests and the table in `docs/attacks.md` are made from `HOSTILE_CLIENTS`.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

MEGABYTE = 1024 * 1024
PATIENCE_SECONDS = 60.0
ALICE_HEADER = b"authorization: Bearer alice\r\n"
BOB_HEADER = b"authorization: Bearer bob\r\n"
STATUS = re.compile(rb"HTTP/1.1 (\d{3})")
ESTABLISHED, FIN_WAIT_1 = "01", "04"
BEGIN, END = "<!-- hostile clients: begin -->", "<!-- hostile clients: end -->"


@dataclass(frozen=True)
class Target:
    """A running service whose model takes `amount`, with tokens for alice and bob."""

    address: str
    narrow_address: str
    """Of one with few file descriptors."""
    log: Path

    async def send(self, *sent: bytes, pause_seconds: float = 0) -> bytes:
        """What the service says over one connection before it closes it."""
        where = urlsplit(self.address)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        reading = asyncio.create_task(_read(reader))
        for piece in sent:
            if reading.done():
                break
            writer.write(piece)
            with suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(pause_seconds)
        said = await reading
        writer.close()
        return said

    async def post(
        self, path: str, body: bytes, *, kind: str = "application/json", token: bytes = ALICE_HEADER
    ) -> str:
        """Status and body of the response to a POST request."""
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\n"
        length = b"content-length: %d\r\n\r\n" % len(body)
        said = await self.send(head.encode() + token + length, body)
        start, _, answer = said.partition(b"\r\n\r\n")
        return f"{statuses(start)} {answer.decode()}"


async def _read(reader: asyncio.StreamReader) -> bytes:
    said = b""
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            said += piece
    return said


def statuses(said: bytes) -> str:
    """The status of each response, or that there was none."""
    return ", ".join(found.decode() for found in STATUS.findall(said)) or "disconnected"


@dataclass(frozen=True)
class HostileClient:
    """One thing to try, without a token unless `how` says otherwise."""

    name: str
    how: str
    gain: str
    """What it would cost the service, had it no bound."""
    outcome: str
    """The beginning of what `attempt` returns."""
    attempt: Callable[[Target], Awaitable[str]]


def _sends(*sent: bytes, pause_seconds: float = 0) -> Callable[[Target], Awaitable[str]]:
    async def attempt(target: Target) -> str:
        return statuses(await target.send(*sent, pause_seconds=pause_seconds))

    return attempt


def _posts(
    path: str, body: bytes, kind: str = "application/json"
) -> Callable[[Target], Awaitable[str]]:
    async def attempt(target: Target) -> str:
        return await target.post(path, body, kind=kind)

    return attempt


async def _forges_an_id(target: Target) -> str:
    body = b"2\r\n{}\r\n0\r\nx-request-id: forged\r\n\r\n"
    said = await target.send(CHUNKED + b"connection: close\r\n" + ALICE_HEADER + b"\r\n" + body)
    return f"{statuses(said)}, with the id {'of the trailer' if b'forged' in said else 'made here'}"


async def _upgrades(target: Target) -> str:
    upgrade = HEAD + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
    await target.send(upgrade, *[b"a" * 10_000] * 300)
    return "disconnected"


async def _pipelines(target: Target) -> str:
    said = await target.send(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n" * 10_000)
    return f"disconnected after {'at most 101' if said.count(b'HTTP/1.1 ') <= 101 else 'more'}"


async def _sends_on(target: Target) -> str:
    """A body of which the service must not read more than a part."""
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000000\r\n\r\n"
    return statuses(await target.send(head, *[b"x" * MEGABYTE] * 100)) + ", disconnected"


async def _do_not_read(address: str, request: bytes, count: int) -> str:
    """Many clients that ask and never read; whether the service's kernel has ended them all."""
    where, loop = urlsplit(address), asyncio.get_running_loop()
    port = where.port or 80
    clients: list[socket.socket] = []
    try:
        for _ in range(count):
            client = socket.socket()
            clients.append(client)
            client.setblocking(False)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(client, (str(where.hostname), port))
            with suppress(ConnectionError):
                await loop.sock_sendall(client, request)
        ports = {client.getsockname()[1] for client in clients}
        end = loop.time() + PATIENCE_SECONDS
        while (left := len(ports & _connected_to(port))) and loop.time() < end:
            await asyncio.sleep(0.1)
        return f"{left} still connected" if left else "disconnected"
    finally:
        for client in clients:
            client.close()


def _connected_to(port: int) -> set[int]:
    """The clients' ports of the connections for which the service or its kernel keeps data.

    Where it has closed a connection and sent everything, it waits for the client without any.
    """
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(remote.rpartition(":")[2], 16)
        for _, local, remote, state, *_ in lines
        if int(local.rpartition(":")[2], 16) == port and state in (ESTABLISHED, FIN_WAIT_1)
    }


async def _unread_documents(target: Target) -> str:
    path = b"/static-offline-docs/swagger-ui-bundle.js"
    return await _do_not_read(target.address, b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path, 300)


async def _unread_probes(target: Target) -> str:
    requests = b"GET /healthcheck HTTP/1.1\r\nhost: x\r\n\r\n" * 100
    return await _do_not_read(target.address, requests, 50)


async def _too_many_connections(target: Target) -> str:
    """More connections than the service has file descriptors, and a request beside them."""
    idle = asyncio.create_task(_do_not_read(target.narrow_address, b"", 250))
    narrow = Target(target.narrow_address, "", target.log)
    answers = [await narrow.post("/predict", ROW) for _ in range(20)]
    outcome = await idle
    return f"{outcome}; a request beside them gets {'; '.join({one[:3] for one in answers})}"


async def _floods_the_log(target: Target) -> str:
    for number in range(100):
        headers = BOB_HEADER + b"x-request-id: flood-%d\r\n" % number
        said = await target.post("/predict", b"{}", token=headers)
        assert said.startswith("422 ")
    lines = target.log.read_text().splitlines()
    return f"{sum('flood-' in line for line in lines)} lines"


def _fields(count: int) -> bytes:
    return json.dumps(dict.fromkeys(map(str, range(count)), 0)).encode()


ROW = b'{"amount": 0.5}'
CHUNKED = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
OPEN = CHUNKED + ALICE_HEADER + b"\r\n"
HEAD = b"GET /livez HTTP/1.1\r\nhost: x\r\n"
NAMES = [b"%d" % number for number in range(100_000)]
SLOW = [b"x-a: b\r\n"] * 100
MEMORY, THREAD = "memory without limit", "the interpreter for a second"
DESCRIPTORS = "a file descriptor for ever"

HOSTILE_CLIENTS: tuple[HostileClient, ...] = (
    HostileClient(
        "head without end",
        "megabytes of headers",
        MEMORY,
        "431",
        _sends(HEAD, *[b"x-a: b\r\n" * 10_000] * 30),
    ),
    HostileClient(
        "header without end",
        "one header of megabytes",
        MEMORY,
        "431",
        # With pauses: a client that still sends when it is refused may lose the response.
        _sends(HEAD + b"x-a: ", *[b"a" * 100_000] * 30, pause_seconds=0.01),
    ),
    HostileClient(
        "many headers",
        "a thousand short ones",
        "time for each, in every layer",
        "431",
        _sends(HEAD + b"a: b\r\n" * 1000 + b"\r\n"),
    ),
    HostileClient(
        "long URL",
        "a path of 100,000 characters",
        "time in every layer",
        "414",
        _sends(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"),
    ),
    HostileClient(
        "only line ends",
        "a megabyte of them, and no request",
        "a connection that is never idle",
        "431",
        _sends(b"\r\n" * (MEGABYTE // 2)),
    ),
    HostileClient(
        "slow head",
        "a header every half second (Slowloris)",
        DESCRIPTORS,
        "disconnected",
        _sends(HEAD, *SLOW, pause_seconds=0.5),
    ),
    HostileClient(
        "connection without a request", "nothing is sent", DESCRIPTORS, "disconnected", _sends()
    ),
    HostileClient(
        "token in a trailer",
        "after the last chunk of the body",
        "a prediction that a proxy in front has not seen authorized",
        "401",
        _sends(
            CHUNKED
            + b"connection: close\r\n\r\n2\r\n{}\r\n0\r\nauthorization: Bearer alice\r\n\r\n"
        ),
    ),
    HostileClient(
        "request id in a trailer",
        "with a token in the head",
        "a record under the id of another request",
        "422, with the id made here",
        _forges_an_id,
    ),
    HostileClient(
        "trailer without end",
        "with a token, one of megabytes",
        MEMORY,
        "431",
        _sends(OPEN + b"0\r\na: ", *[b"a" * 100_000] * 30),
    ),
    HostileClient(
        "chunk extension without end",
        "with a token, one of megabytes",
        "a connection that is never idle",
        "431",
        _sends(OPEN + b"1;", *[b"a" * 100_000] * 30),
    ),
    HostileClient(
        "chunks of one byte",
        "with a token, a body of 100,000",
        "a call of the parser for each byte",
        "431",
        _sends(OPEN, *[b"1\r\nx\r\n" * 10_000] * 10),
    ),
    HostileClient(
        "body after the refusal",
        "a body of 10 GB, which no one reads",
        "a core",
        "401, disconnected",
        _sends_on,
    ),
    HostileClient(
        "data after an upgrade",
        "megabytes, after a request for a WebSocket",
        "a core, and a line of log for each packet",
        "disconnected",
        _upgrades,
    ),
    HostileClient(
        "pipelined requests",
        "10,000 at once",
        "megabytes for each connection",
        "disconnected after at most 101",
        _pipelines,
    ),
    HostileClient(
        "documents that are not read",
        "300 clients ask for a script of the documentation",
        "503 for honest callers",
        "disconnected",
        _unread_documents,
    ),
    HostileClient(
        "probes that are not read",
        "50 clients pipeline requests and do not read",
        "503 for honest callers",
        "disconnected",
        _unread_probes,
    ),
    HostileClient(
        "more connections than file descriptors",
        "250 clients send nothing, where there are 200",
        "a service that no one can connect to",
        "disconnected; a request beside them gets 200",
        _too_many_connections,
    ),
    HostileClient(
        "slow body",
        "with a token, a body that does not end",
        "a place among the concurrent requests",
        "408",
        _sends(OPEN, b"1\r\n{\r\n"),
    ),
    HostileClient(
        "wide object",
        "with a token, 70,000 unknown fields",
        THREAD,
        '422 {"detail":[{"type":"too_many_values"',
        _posts("/predict", _fields(70_000)),
    ),
    HostileClient(
        "repeated field",
        "with a token, one name 90,000 times",
        THREAD,
        '422 {"detail":[{"type":"too_many_values"',
        _posts("/predict", b"{" + b",".join([b'"amount":0'] * 90_000) + b"}"),
    ),
    HostileClient(
        "list as a field",
        "with a token, 300,000 empty lists",
        "the interpreter for 3.5 seconds",
        '422 {"detail":[{"type":"too_many_values"',
        _posts("/predict", b'{"amounts":[' + b"[]," * 300_000 + b"0]}"),
    ),
    HostileClient(
        "deep brackets",
        "with a token, 1,000 brackets that do not close",
        "the stack",
        '422 {"detail":[{"type":"json_invalid"',
        _posts("/predict", b'{"amount":' + b"[" * 1000),
    ),
    HostileClient(
        "long number",
        "with a token, a million digits",
        THREAD,
        '422 {"detail":[{"type":"json_invalid"',
        _posts("/predict", b'{"amount":' + b"1" * 1_000_000 + b"}"),
    ),
    HostileClient(
        "batch of empty objects",
        "with a token, 340,000",
        THREAD,
        '422 {"detail":[{"type":"too_many_values"',
        _posts("/predict/batch", b'{"transactions":[' + b"{}," * 340_000 + b"{}]}"),
    ),
    HostileClient(
        "wide object in a batch",
        "with a token, 70,000 fields",
        THREAD,
        '422 {"detail":[{"type":"too_many_fields"',
        _posts("/predict/batch", b'{"transactions":[' + _fields(70_000) + b"]}"),
    ),
    HostileClient(
        "long CSV",
        "with a token, 500,000 rows in a megabyte",
        THREAD,
        '400 {"error_code":"BAD_REQUEST","message":"body: List should have at most 1000 items',
        _posts("/invocations", b"amount\n" + b"1\n" * 500_000, "text/csv"),
    ),
    HostileClient(
        "wide CSV",
        "with a token, 1,000 rows of one value, below 100,000 names",
        "8 GB, for 600 kB",
        '400 {"error_code":"BAD_REQUEST","message":"body: more than 1001 fields',
        _posts(
            "/invocations", b",".join(b"%d" % i for i in range(100_000)) + b"\n1" * 1000, "text/csv"
        ),
    ),
    HostileClient(
        "blank lines",
        "with a token, a megabyte of them as CSV",
        "a thread for 60 ms",
        '400 {"error_code":"BAD_REQUEST","message":"the body is not CSV with a header: more',
        _posts("/invocations", b"amount\n" + b"\n" * 1_000_000, "text/csv"),
    ),
    HostileClient(
        "table of empty rows",
        "with a token, 340,000 to MLflow's protocol",
        THREAD,
        '400 {"error_code":"BAD_REQUEST","message":"body: the body has more than 11000 lists',
        _posts(
            "/invocations",
            b'{"dataframe_split":{"columns":[],"data":[' + b"[]," * 340_000 + b"[]]}}",
        ),
    ),
    HostileClient(
        "many tensors",
        "with a token, 340,000 to the Open Inference Protocol",
        "the interpreter for 4.4 seconds",
        '400 {"error":"body: the body has more than 11000 lists and objects"}',
        _posts(
            "/v2/models/fraud-detector-production/infer",
            b'{"inputs":[' + b"{}," * 340_000 + b"{}]}",
        ),
    ),
    HostileClient(
        "flood of refused requests",
        "with a token, 100 requests that get a 422",
        "6 MB of log a minute",
        "20 lines",
        _floods_the_log,
    ),
)


def hostile_table(clients: Sequence[HostileClient]) -> str:
    """The clients as a Markdown table, between the markers in `docs/attacks.md`."""
    lines = [
        "| attack | how | what it would gain | what the service answers |",
        "|---|---|---|---|",
        *(f"| {one.name} | {one.how} | {one.gain} | {one.outcome} |" for one in clients),
    ]
    return "\n".join([BEGIN, *lines, END])
