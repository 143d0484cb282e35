"""Servers that are not MLflow, or not well-behaved, at the tracking server's address."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from registry.tracking.connection import Connection


def read(address: str, max_bytes: int = 1000) -> bytes:
    """The body of a response, read by the product's own connection."""
    return b"".join(Connection(address).get("testing", "/x", {"a": "b"}, max_bytes))


@contextmanager
def serving(
    respond: Callable[[BaseHTTPRequestHandler], None], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Start a server that calls `respond` for each GET; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet: a client acknowledges half a response late

        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *_: object) -> None:
            pass

    class QuietServer(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Some tests close the connection early."""

    server = QuietServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()


def send_raw(handler: BaseHTTPRequestHandler, *parts: bytes, pause_seconds: float = 0.0) -> None:
    """Send parts of a response as they are, each in a packet of its own; then close."""
    for part in parts:
        handler.wfile.write(part)
        handler.wfile.flush()
        time.sleep(pause_seconds)
    handler.close_connection = True


@contextmanager
def fake_server(status: int, listing: bytes, content: bytes = b"abc") -> Iterator[str]:
    """A server whose responses are `status` with `content` for a file, and `listing` for others."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        is_file = "/mlflow-artifacts/artifacts/" in handler.path
        send(handler, status, content if is_file else listing)

    with serving(respond) as address:
        yield address
