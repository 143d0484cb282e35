"""The open loop does not wait for answers, and a request that waits counts with its wait."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.features.open_loop import Percentiles, open_loop
from benchmarks.inference.errors import CannotMeasure

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def server(answer: bytes, together: int) -> Iterator[tuple[str, int]]:
    """It answers the first requests only once `together` of them are there; with no answer, it
    closes the connection.
    """
    barrier = threading.Barrier(together)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            for number in range(2):
                if not self.request.recv(65_536):
                    return
                if not answer:
                    return
                if not number:
                    barrier.wait(5)
                # In two pieces, as a network may bring them.
                self.request.sendall(answer[:25])
                self.request.sendall(answer[25:])

    class Threaded(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Threaded(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield "127.0.0.1", listening.server_address[1]
        finally:
            listening.shutdown()


def test_requests_are_sent_while_others_wait_for_their_answers() -> None:
    with server(ANSWER, together=5) as address:
        took = open_loop(address, "/predict", [b"{}"] * 5, rate=100)

    assert len(took) == 5
    assert max(took) >= 40  # the first was due 40 ms before the fifth


def test_an_answer_other_than_200_is_quoted() -> None:
    refused = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    with (
        server(refused, together=1) as address,
        pytest.raises(CannotMeasure, match=r"^the answer to a request is .*503 Service"),
    ):
        open_loop(address, "/predict", [b"{}"], rate=100)


def test_a_connection_that_is_closed_is_an_error() -> None:
    with (
        server(b"", together=1) as address,
        pytest.raises(CannotMeasure, match=r"^the answer to a request is b''$"),
    ):
        open_loop(address, "/predict", [b"{}"], rate=100)


def test_percentiles_are_interpolated() -> None:
    assert Percentiles.of(range(1001)) == pytest.approx((500, 990, 999))
