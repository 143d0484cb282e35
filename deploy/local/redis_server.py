"""A Redis server, or a cluster of them, as child processes on loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from deploy.local.processes import START_SECONDS, NotStarted, free_port, running

_SLOTS = 16_384


class RedisServer(NamedTuple):
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


@contextmanager
def redis_server(folder: Path, *options: str, port: int | None = None) -> Iterator[RedisServer]:
    """`redis-server` with its data in `folder`; without a log of writes, unless `options` say so.

    Returns once it answers. Raises NotStarted if it does not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port() if port is None else port
    command = [
        *("redis-server", "--port", str(port), "--bind", "127.0.0.1"),
        *("--dir", str(folder), "--save", "", *options),
    ]
    log = folder / "redis.log"
    with running(command, log) as process:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(f"Redis does not respond on port {port}; see {log}")
            time.sleep(0.02)
        yield RedisServer(port, process)


@contextmanager
def redis_cluster(
    folder: Path, primaries: int = 3, replicas: int = 0
) -> Iterator[Sequence[RedisServer]]:
    """A cluster, primaries first; `replicas` are of the first ones, one each."""
    with ExitStack() as stack:
        servers = []
        for number in range(primaries + replicas):
            options = (
                *("--cluster-enabled", "yes", "--cluster-node-timeout", "1000"),
                *("--cluster-port", str(free_port()), "--repl-diskless-sync-delay", "0"),
            )
            servers.append(stack.enter_context(redis_server(folder / str(number), *options)))
        bounds = [_SLOTS * number // primaries for number in range(primaries + 1)]
        for number, server in enumerate(servers[:primaries]):
            slots = (str(bounds[number]), str(bounds[number + 1] - 1))
            ask(server.port, "CLUSTER", "ADDSLOTSRANGE", *slots)
            ask(server.port, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for server in servers[1:]:
            bus = ask(server.port, "CONFIG", "GET", "cluster-port").split()[-1]
            ask(servers[0].port, "CLUSTER", "MEET", "127.0.0.1", str(server.port), bus)
        _wait(lambda: all(_known_nodes(each.port) == len(servers) for each in servers))
        for primary, replica in zip(servers, servers[primaries:], strict=False):
            ask(replica.port, "CLUSTER", "REPLICATE", ask(primary.port, "CLUSTER", "MYID"))
        _wait(
            lambda: (
                all("cluster_state:ok" in ask(each.port, "CLUSTER", "INFO") for each in servers)
                and all(
                    "master_link_status:up" in ask(each.port, "INFO", "replication")
                    for each in servers[primaries:]
                )
            )
        )
        yield servers


def ask(port: int, *command: str) -> str:
    """What `redis-cli` says to a command. Raises subprocess.CalledProcessError if it is refused."""
    line = ["redis-cli", "-e", "-p", str(port), *command]
    return subprocess.run(
        line, check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def _known_nodes(port: int) -> int:
    lines = ask(port, "CLUSTER", "NODES").splitlines()
    return sum("handshake" not in line for line in lines)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise NotStarted("the Redis cluster was not formed")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(5)[:1] in (b"+", b"-")
    return False
