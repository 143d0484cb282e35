"""Bounds of what a client may send over a connection, and the responses to what exceeds them."""

from __future__ import annotations

import resource
from typing import NamedTuple

MIN_WRITE_BYTES = 64 * 1024
"""A client that does not read as much of a waiting response in that time is disconnected."""
SEND_BUFFER_BYTES = 64 * 1024
"""Of the kernel, for each connection."""
MAX_HEAD_BYTES = 16 * 1024
BODY_PIECE_BYTES = 64 * 1024
"""Of a body that are parsed at once. A head that begins in it is counted from the next piece on."""
MAX_URL_BYTES = 8 * 1024
MAX_HEADERS = 100
MAX_FRAMING_BYTES = 4 * 1024
"""Of sizes, extensions and trailers of a chunked body, beyond as many bytes as the body has."""
MAX_UNWANTED_BYTES = 64 * 1024
"""Of a body that still arrives after its request was answered."""
MAX_PIPELINED = 100
MAX_CONNECTIONS = 4096
RESERVED_FILES = 128
"""File descriptors for everything but clients: the registry, the cache, logs, the event loop."""


class Refusal(NamedTuple):
    """Why a connection is closed: the label in metrics, and the response if one can be sent."""

    reason: str
    status: bytes
    message: bytes

    def response(self) -> bytes:
        return (
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b"
        ) % (self.status, len(self.message), self.message)


HEAD = Refusal(
    "head",
    b"431 Request Header Fields Too Large",
    b"the request line and headers are larger than %d bytes" % MAX_HEAD_BYTES,
)
HEADERS = Refusal(
    "headers",
    b"431 Request Header Fields Too Large",
    b"the request has more than %d headers" % MAX_HEADERS,
)
URL = Refusal("url", b"414 URI Too Long", b"the URL is longer than %d bytes" % MAX_URL_BYTES)
FRAMING = Refusal(
    "framing",
    b"431 Request Header Fields Too Large",
    b"the chunks' sizes, extensions and trailers are too large for the body",
)
PIPELINED = Refusal(
    "pipelined",
    b"429 Too Many Requests",
    b"more than %d requests are pipelined" % MAX_PIPELINED,
)
MALFORMED = Refusal("malformed", b"400 Bad Request", b"the request is not valid HTTP")


def max_connections() -> int:
    """Maximum number of connections of this process: its limit on open files leaves room."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, files - RESERVED_FILES))
