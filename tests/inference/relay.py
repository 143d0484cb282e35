"""A relay between a service and its tracking server, so that the server can be away for a while."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

PIECE = 65536


class Relay(ThreadingTCPServer):
    """Passes bytes on in both directions; while it is down, it closes all connections."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, uri: str) -> None:
        """`uri` is the address of the server behind it."""
        super().__init__(("127.0.0.1", 0), _Connection)
        behind = urlsplit(uri)
        self.behind = (str(behind.hostname), int(behind.port or 80))
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"
        self.is_up = True
        self.most_bytes = 0
        """After so many bytes of answers on one connection nothing more arrives; 0 for no limit."""
        self.holds_back = False
        """Whether an answer has reached that limit."""
        self.open = set[socket.socket]()

    def go_down(self) -> None:
        """Close all connections, and each new one."""
        self.is_up = False
        for one in list(self.open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def come_up(self) -> None:
        self.is_up = True


class _Connection(BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        relay, client = self.server, self.request
        if not relay.is_up:
            return
        with suppress(OSError), socket.create_connection(relay.behind, timeout=20) as server:
            relay.open |= {client, server}
            back = threading.Thread(target=self._pass, args=(server, client, relay.most_bytes))
            back.start()
            self._pass(client, server, 0)
            back.join()
            relay.open -= {client, server}

    def _pass(self, source: socket.socket, sink: socket.socket, most_bytes: int) -> None:
        passed = 0
        with suppress(OSError):
            while piece := source.recv(PIECE):
                passed += len(piece)
                if not most_bytes or passed <= most_bytes:
                    sink.sendall(piece)
                else:
                    self.server.holds_back = True
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def relayed(uri: str) -> Iterator[Relay]:
    """A relay to the server at `uri`, until the end of the block."""
    with Relay(uri) as relay:
        thread = threading.Thread(target=relay.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield relay
        finally:
            relay.go_down()
            relay.shutdown()
            thread.join()
