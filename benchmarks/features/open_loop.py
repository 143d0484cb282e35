"""An open loop over HTTP: requests are due at fixed times, however slow the answers.

The time of a request begins when it was due, not when it was sent: one that had to wait, because
the service or this process was late, counts with its wait. k6, which `make bench-inference` has for
its open loop, times a request from when it sends it.
"""

from __future__ import annotations

import gc
import math
import re
import selectors
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.inference.errors import CannotMeasure

MAX_CONNECTIONS = 200
PATIENCE_SECONDS = 10.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Percentiles(NamedTuple):
    """Of the times of requests, in milliseconds."""

    p50: float
    p99: float
    p999: float

    @classmethod
    def of(cls, times: Sequence[float]) -> Percentiles:
        return cls(*np.percentile(times, (50, 99, 99.9)).tolist())


class _Connection(NamedTuple):
    socket: socket.socket
    due: list[float]
    """When the request that it waits for was due."""
    received: bytearray


def open_loop(
    address: tuple[str, int], path: str, bodies: Sequence[bytes], rate: float
) -> list[float]:
    """POST each body once, `rate` per second; the milliseconds of each, in order of the answers.

    Raises CannotMeasure for an answer other than 200, and for none at all.
    """
    head = f"POST {path} HTTP/1.1\r\nhost: {address[0]}\r\ncontent-type: application/json\r\n"
    requests = [b"%bcontent-length: %d\r\n\r\n%b" % (head.encode(), len(b), b) for b in bodies]
    all_, idle, took = list[_Connection](), list[_Connection](), list[float]()
    gc.collect()
    gc.freeze()  # a collection of all that is imported takes 0.1 s
    # The timeout of `select` is in microseconds, that of `epoll` in milliseconds.
    selector = selectors.SelectSelector()
    try:
        start, sent = time.perf_counter(), 0
        while len(took) < len(requests):
            due, now = start + sent / rate, time.perf_counter()
            is_left = sent < len(requests) and (idle or len(all_) < MAX_CONNECTIONS)
            if is_left and now >= due:
                if not idle:
                    all_.append(_connected(address, selector))
                    idle.append(all_[-1])
                connection = idle.pop()
                connection.due[:] = [due]
                connection.socket.sendall(requests[sent])
                sent += 1
                continue
            ready = selector.select(max(due - now, 0) if is_left else PATIENCE_SECONDS)
            if not ready and not is_left:
                raise CannotMeasure(f"no answer for {PATIENCE_SECONDS:g} s")
            for key, _ in ready:
                if _is_answered(key.data):
                    took.append(1e3 * (time.perf_counter() - key.data.due[0]))
                    idle.append(key.data)
    finally:
        selector.close()
        for connection in all_:
            connection.socket.close()
        gc.unfreeze()
    return took


def _connected(address: tuple[str, int], selector: selectors.BaseSelector) -> _Connection:
    made = socket.create_connection(address, timeout=PATIENCE_SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = _Connection(made, [math.nan], bytearray())
    selector.register(made, selectors.EVENT_READ, connection)
    return connection


def _is_answered(connection: _Connection) -> bool:
    received = connection.received
    piece = connection.socket.recv(65_536)
    received += piece
    head, end, body = received.partition(b"\r\n\r\n")
    if piece and not end:
        return False
    length = LENGTH.search(head + b"\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or length is None:
        raise CannotMeasure(f"the answer to a request is {bytes(received[:500])!r}")
    if len(body) < int(length[1]):
        return False
    received.clear()
    return True
