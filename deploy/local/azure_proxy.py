"""A proxy that leads the host names of Azure to servers on this machine, and nowhere else.

Programs find it by HTTPS_PROXY, so that they run unchanged, with the addresses that they have on
Azure. Source: RFC 9110, section 9.3.6 (CONNECT).
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer

TIMEOUT_SECONDS = 30.0
IDLE_SECONDS = 600.0
_CHUNK = 2**16
_MAX_LINE = 2**13


@contextmanager
def azure_proxy(port_of: Callable[[str], int | None], port: int = 0) -> Iterator[str]:
    """A proxy on a loopback port; yields its URL.

    `port_of` gives the loopback port that stands for a host name, or None: refused with 403.
    """

    class Handler(StreamRequestHandler):
        timeout = TIMEOUT_SECONDS

        def handle(self) -> None:
            words = self.rfile.readline(_MAX_LINE).split()
            while self.rfile.readline(_MAX_LINE).strip():
                pass
            host = words[1].decode("ascii", "replace").partition(":")[0] if len(words) > 1 else ""
            target = port_of(host) if words[:1] == [b"CONNECT"] else None
            if target is None:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            try:
                upstream = socket.create_connection(("127.0.0.1", target), TIMEOUT_SECONDS)
            except OSError:
                self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            with upstream:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with suppress(OSError):
                    _relay(self.connection, upstream)

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="azure-proxy")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _relay(client: socket.socket, upstream: socket.socket) -> None:
    """Copy in both directions until one side ends, or nothing came for IDLE_SECONDS."""
    other = {client: upstream, upstream: client}
    while ready := select.select(list(other), [], [], IDLE_SECONDS)[0]:
        for source in ready:
            content = source.recv(_CHUNK)
            if not content:
                return
            other[source].sendall(content)
