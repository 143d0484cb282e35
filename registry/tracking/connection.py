"""Requests that read from the tracking server, each response bounded in bytes and in time.

With Python's own `http.client`: it keeps no cookies, follows no redirects, and reads nothing that
it was not asked to.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlencode, urlsplit

from registry.errors import Unreachable, UsageError, on_one_line
from registry.tracking.client_settings import MAX_RETRIES
from registry.tracking.credentials import read_access

MAX_ERROR_BYTES = 4096
CHUNK_BYTES = 2**18
MIN_START_BYTES = 1024
"""Of a body that is too large, so much is yielded before it is refused."""
MAX_RESPONSE_SECONDS = 300.0
RETRY_DELAY_SECONDS = 0.5
RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)
EXAMPLE = "such as http://127.0.0.1:5000 (`make demo` starts one there)"


def _parse_address(address: str | None) -> SplitResult:
    """Raises UsageError, never with the address in it: it may hold a password."""
    try:
        parts = urlsplit(address or "")
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or parts.query or parts.fragment:
        raise UsageError(f"set MLFLOW_TRACKING_URI to the tracking server's address, {EXAMPLE}")
    if "@" in parts.netloc:
        raise UsageError(
            "MLFLOW_TRACKING_URI holds a user or password, which would end up in logs; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"
        )
    return parts


class TooLarge(Unreachable):
    """A response is larger than it may be."""


class RefusedByServer(Unreachable):
    """The server answered with another HTTP status than 200."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Connection:
    """A server that is only read from; each response is bounded in bytes and in time."""

    def __init__(self, address: str | None, default_retries: int = MAX_RETRIES) -> None:
        """Nothing is sent yet. MLFLOW_HTTP_REQUEST_MAX_RETRIES overrides `default_retries`.

        Raises UsageError for anything but an http(s) address, and for a wrong variable of `Access`.
        """
        self._parts = _parse_address(address)
        self._access = read_access()
        self._access.headers()
        configured = self._access.http_request_max_retries
        self._retries = default_retries if configured is None else configured
        self._tls = self._access.tls() if self._parts.scheme == "https" else None

    def get(
        self,
        operation: str,
        path: str,
        query: dict[str, str],
        max_bytes: int,
        posted: bytes | None = None,
    ) -> Iterator[bytes]:
        """The body of the response, chunk by chunk; to a POST of JSON where that is how one reads.

        Transient failures are retried as often as MLFLOW_HTTP_REQUEST_MAX_RETRIES says, unless a
        chunk was yielded already. Raises Unreachable, whose message starts with `operation`
        (RefusedByServer for another status than 200); also
        for a body that takes longer than MAX_RESPONSE_SECONDS. Raises TooLarge for a body of more
        than `max_bytes`, whose first chunk was yielded then.
        """
        operation = on_one_line(operation)[:200]
        target = f"{self._parts.path.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        retriable = True
        for retries_left in reversed(range(self._retries + 1)):
            try:
                with self._response(operation, target, posted) as response:
                    if response.status == 200:
                        for chunk in _chunks(operation, response, max_bytes):
                            retriable = False
                            yield chunk
                        return
                    retriable = response.status in RETRIED_STATUSES
                    raise RefusedByServer(f"{operation}: {_refusal(response)}", response.status)
            except Unreachable:
                if not (retriable and retries_left):
                    raise
            time.sleep(RETRY_DELAY_SECONDS)

    @contextmanager
    def _response(
        self, operation: str, target: str, posted: bytes | None
    ) -> Iterator[HTTPResponse]:
        """The response, while the connection is open; any failure to read it is Unreachable."""
        connection, timed_out = self._new_connection(), threading.Event()

        def abort(sock: socket.socket) -> None:
            timed_out.set()
            with suppress(OSError):  # closed already
                # Not the method of a TLS socket, which would take the session from its reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

        timer = threading.Timer(MAX_RESPONSE_SECONDS, lambda: abort(sock))
        timer.daemon = True
        try:
            connection.connect()
            sock = connection.sock
            timer.start()
            if posted is None:
                connection.request("GET", target, headers=self._access.headers())
            else:
                headers = {**self._access.headers(), "Content-Type": "application/json"}
                connection.request("POST", target, body=posted, headers=headers)
            with connection.getresponse() as response:
                yield response
            if timed_out.is_set():  # to its reader it looked as if the response had ended
                raise TimeoutError
        except (HTTPException, OSError, ValueError) as error:
            if timed_out.is_set():
                reason = f"the response did not end within {MAX_RESPONSE_SECONDS:g} s"
            else:
                cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
                server = f"{self._parts.scheme}://{self._parts.netloc}"
                reason = f"no response from {server} ({on_one_line(cause)[:300]})"
            raise Unreachable(f"{operation}: {reason}") from error
        finally:
            timer.cancel()
            connection.close()

    def _new_connection(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        timeout = self._access.http_request_timeout
        if self._tls:
            return HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        return HTTPConnection(host, port, timeout=timeout)


def _chunks(operation: str, response: HTTPResponse, max_bytes: int) -> Iterator[bytes]:
    """Raises TooLarge after the first chunk by which that is known."""
    size, length = 0, response.length
    while chunk := response.read1(CHUNK_BYTES):
        size += len(chunk)
        yield chunk
        # The start of a body that is announced to be too large is of use to `rest`.
        if size > max_bytes or (size >= MIN_START_BYTES and (length or 0) > max_bytes):
            raise TooLarge(f"{operation}: the response is larger than {max_bytes:,} bytes")
    if length is not None and size < length:
        raise Unreachable(f"{operation}: the response ended after {size:,} of {length:,} bytes")


def _refusal(response: HTTPResponse) -> str:
    """The HTTP status, with MLflow's own message where the body holds one."""
    status = f"HTTP {response.status}"
    try:
        message = str(json.loads(response.read1(MAX_ERROR_BYTES))["message"])
    except (HTTPException, OSError, ValueError, KeyError, TypeError, RecursionError):
        return on_one_line(f"{status} {response.reason[:100]}").rstrip()
    return on_one_line(f"{status}: {message.split(chr(10), 1)[0][:300]}")
