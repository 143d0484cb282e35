"""A load of hostile clients on a service on loopback, in a process of its own.

`python -m benchmarks.inference.hostile_load ADDRESS CONNECTIONS SECONDS TOKEN` keeps so many
connections open. Each is silent for up to 9 s, just less than the service allows, then sends a
hostile head, body or set of fields, and is replaced once it is refused. It prints what the service
answered, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

MAX_SILENCE_SECONDS = 9.0
PATIENCE_SECONDS = 15.0
MEGABYTE = 1024 * 1024
STATUS = re.compile(rb"HTTP/1.1 (\d{3})")
MAX_CONNECTIONS, MAX_SECONDS = 2000, 600.0

GET = b"GET /livez HTTP/1.1\r\nhost: x\r\n"


def _post(path: bytes, token: bytes, body: bytes, kind: bytes = b"application/json") -> list[bytes]:
    head = b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\ncontent-type: %b\r\n"
    return [head % (path, token, kind), b"content-length: %d\r\n\r\n" % len(body), body]


def _chunked(token: bytes, body: bytes) -> list[bytes]:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n" % token
    return [head + b"transfer-encoding: chunked\r\n\r\n", body]


WIDE = json.dumps(dict.fromkeys(map(str, range(70_000)), 0)).encode()
ROWS = b"amount\n" + b"1\n" * 500_000
NAMES = b",".join(b"%d" % number for number in range(100_000)) + b"\n1" * 1000
LISTS = b'{"amount":[' + b"[]," * 300_000 + b"0]}"
EMPTY = b'{"transactions":[' + b"{}," * 340_000 + b"{}]}"

KINDS: Mapping[str, Callable[[bytes], list[bytes]]] = {
    "head": lambda _: [GET + b"x-a: " + b"a" * MEGABYTE],
    "headers": lambda _: [GET + b"a: b\r\n" * 2000 + b"\r\n"],
    "unfinished head": lambda _: [GET + b"x-a: " + b"a" * 15_000],
    "url": lambda _: [b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"],
    "nothing": lambda _: [],
    "pipeline": lambda _: [(GET + b"\r\n") * 5000],
    "documents": lambda _: [b"GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\n\r\n"],
    "trailer": lambda token: _chunked(token, b"0\r\na: " + b"a" * MEGABYTE),
    "chunks": lambda token: _chunked(token, b"1\r\nx\r\n" * 50_000),
    "unwanted body": lambda _: _chunked(b"unknown", b"100000\r\n" + b"x" * 2 * MEGABYTE),
    "unfinished body": lambda _: _chunked(b"unknown", b"10000\r\n" + b"x" * 60_000),
    "wide object": lambda token: _post(b"/predict", token, WIDE),
    "lists": lambda token: _post(b"/predict", token, LISTS),
    "batch": lambda token: _post(b"/predict/batch", token, EMPTY),
    "long CSV": lambda token: _post(b"/invocations", token, ROWS, b"text/csv"),
    "wide CSV": lambda token: _post(b"/invocations", token, NAMES, b"text/csv"),
}


async def exchange(address: str, silence_seconds: float, sent: list[bytes]) -> str:
    """The status that one connection gets before it is closed.

    Raises TimeoutError if it is neither answered nor closed for PATIENCE_SECONDS.
    """
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    said = b""
    try:
        await asyncio.sleep(silence_seconds)
        async with asyncio.timeout(PATIENCE_SECONDS):
            writer.writelines(sent)
            while piece := await reader.read(1024):
                said += piece
                if STATUS.search(said):
                    break
    finally:
        writer.transport.abort()
    statuses = STATUS.findall(said)
    return statuses[0].decode() if statuses else "closed"


async def load(address: str, connections: int, seconds: float, token: bytes) -> Counter[str]:
    """Run the load; how often each kind got each status."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    outcomes: Counter[str] = Counter()

    async def client(chance: random.Random) -> None:
        while loop.time() < end:
            kind, silence = chance.choice(list(KINDS)), chance.uniform(0, MAX_SILENCE_SECONDS)
            try:
                outcome = await exchange(address, silence, KINDS[kind](token))
            except TimeoutError:
                outcome = "kept"
            except ConnectionError:
                outcome = "reset"
            outcomes[f"{kind}: {outcome}"] += 1

    chances = map(random.Random, range(connections))
    tasks = [asyncio.create_task(client(chance)) for chance in chances]
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*late, return_exceptions=True)
    return outcomes


def main(address: str, connections: str, seconds: str, token: str) -> None:
    """Put the load on a service on loopback; both numbers are bounded."""
    if urlsplit(address).hostname != "127.0.0.1":
        sys.exit("error: only a service on 127.0.0.1 is loaded")
    if int(connections) > MAX_CONNECTIONS or float(seconds) > MAX_SECONDS:
        sys.exit(f"error: at most {MAX_CONNECTIONS} connections for {MAX_SECONDS:g} s")
    running = load(address, int(connections), float(seconds), token.encode())
    print(json.dumps(dict(sorted(asyncio.run(running).items()))))


if __name__ == "__main__":
    main(*sys.argv[1:])
