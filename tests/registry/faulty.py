"""A tracking server that fails at a chosen write: it is away, its answer is lost, its disk is full.

A proxy in front of a real server, so that a test can say at which request.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Literal
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}

Fault = Literal["away", "answer lost", "disk full", "bad gateway"]


class FaultyServer(ThreadingHTTPServer):
    """Passes requests on, to the servers `behind` it in turn, until the fault at one write."""

    daemon_threads = True

    def __init__(self, *behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind[0]
        self.in_turn = itertools.cycle(behind)
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.Lock()
        self.writes, self.at_write, self.is_away = 0, 0, False
        self.fault: Fault = "away"
        self.every = 0
        self.also: Callable[[], None] | None = None

    def fail(self, at_write: int, fault: Fault, also: Callable[[], None] | None = None) -> None:
        """From the n-th write on, fail; `also` is called at that moment.

        A server that is away closes its connections. One whose answer is lost has done what it was
        asked to, and is away then. One behind a bad gateway has done so too, and stays reachable:
        the answer to that write alone is 502.
        """
        self.writes, self.at_write, self.fault, self.also = 0, at_write, fault, also

    def call_before(self, every: int, also: Callable[[], None]) -> None:
        """Call `also` before every so many writes are passed on."""
        self.writes, self.every, self.also = 0, every, also

    def repair(self) -> None:
        """Pass everything on again."""
        if self.failed and self.fault == "disk full":
            limit_file_size_of(self.behind, RLIM_INFINITY)
        self.writes, self.at_write, self.every, self.is_away = 0, 0, 0, False

    @property
    def failed(self) -> bool:
        return 0 < self.at_write <= self.writes

    def begin(self, method: str, path: str) -> bool:
        """Whether this write is the one at which the server fails."""
        if method == "GET" or path.endswith("/search"):
            return False
        with self.lock:
            self.writes += 1
            if self.every and self.writes % self.every == 0 and self.also:
                self.also()
            return self.writes == self.at_write

    def handle_error(self, *_: object) -> None:
        """A client that was killed, or whose connection was closed, is no error here."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultyServer
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fails = server.begin(self.command, self.path)
        if fails and server.fault == "away":
            server.is_away = True
            if server.also:
                server.also()
        if fails and server.fault == "disk full":
            limit_file_size_of(server.behind, 0)
        if server.is_away:
            self.close_connection = True
            return
        connection = HTTPConnection(urlsplit(next(server.in_turn)).netloc, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fails and server.fault == "answer lost":
            server.is_away = self.close_connection = True
            if server.also:
                server.also()
            return
        if fails and server.fault == "bad gateway":
            self.send_error(502)
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing: the server behind keeps a log."""


def processes_of(uri: str) -> list[psutil.Process]:
    """The processes of the tracking server at an address."""
    found, port = [], str(urlsplit(uri).port)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            arguments = process.cmdline()
            if "--port" in arguments and arguments[arguments.index("--port") + 1] == port:
                found.append(process)
    assert found
    return found


def limit_file_size_of(uri: str, max_bytes: int) -> None:
    """Let a server write no file beyond so many bytes: with 0, it is as if its disk were full."""
    for process in processes_of(uri):
        prlimit(process.pid, RLIMIT_FSIZE, (max_bytes, RLIM_INFINITY))


@contextmanager
def faulty(*uris: str) -> Iterator[FaultyServer]:
    """A server in front of those at `uris`, until the end of the block."""
    with FaultyServer(*uris) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.repair()
            server.shutdown()
            thread.join()
