"""Requests and replies as the fast path and the routes share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

JSON = (b"content-type", b"application/json")
RETRY_AFTER_SECONDS = 5


@dataclass(slots=True)
class RequestContext:
    """What the guard knows of a request before its body is read.

    `caller` is the name of its bearer token; empty where none is required. `encoding` is the header
    Content-Encoding; empty where there is none.
    """

    id: str
    caller: str = ""
    encoding: bytes = b""
    body_read: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete response: status, body, and headers without those that the guard adds to all."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,)

    def header_list(self) -> list[tuple[bytes, bytes]]:
        """The headers and the body's length, in a new list."""
        return [*self.headers, (b"content-length", b"%d" % len(self.body))]


def json_reply(value: Any, status: int = 200, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(status, orjson.dumps(value), (JSON, *headers))


def not_ready(field: str) -> Reply:
    """The reply while there is no model; `field` holds the message."""
    message = {field: "not ready; see /healthcheck for the reason"}
    return json_reply(message, 503, (b"retry-after", b"%d" % RETRY_AFTER_SECONDS))


NOT_READY = not_ready("detail")
