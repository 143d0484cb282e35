"""One question to the registry, whose answer costs what is allowed here and no more.

By Python's own `http.client`: it keeps no cookies, follows no redirects and reads nothing that it
was not told to.
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
from registry.tracking.credentials import read_access

REFUSAL_BYTES = 4096
PIECE_BYTES = 2**18
ANSWER_SECONDS = 300.0
PAUSE_SECONDS = 0.5
TRANSIENT = (408, 429, 500, 502, 503, 504)
HINT = "such as http://127.0.0.1:5000 (`make demo` starts one there)"


def _parsed(address: str | None) -> SplitResult:
    """Raises UsageError, never with the address in it: somebody may have put a password there."""
    try:
        parts = urlsplit(address or "")
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or parts.query or parts.fragment:
        raise UsageError(f"set MLFLOW_TRACKING_URI to the tracking server's address, {HINT}")
    if "@" in parts.netloc:
        raise UsageError(
            "MLFLOW_TRACKING_URI holds a user or password, which would end up in logs; give them "
            "as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    return parts


class Connection:
    """A server that is asked with GET; each answer is bounded in bytes and in time."""

    def __init__(self, address: str | None) -> None:
        """Nothing is sent yet.

        Raises UsageError for anything but an http(s) address, and a wrong variable of `Access`.
        """
        self._parts = _parsed(address)
        self._access = read_access()
        self._access.headers()
        self._tls = self._access.tls() if self._parts.scheme == "https" else None

    def get(self, doing: str, path: str, query: dict[str, str], most_bytes: int) -> Iterator[bytes]:
        """The body of the answer, piece by piece. It may be neither endless nor trickle for ever.

        A passing failure is tried again, as MLFLOW_HTTP_REQUEST_MAX_RETRIES says. Raises
        Unreachable, beginning with what was being done.
        """
        doing = on_one_line(doing)[:200]
        target = f"{self._parts.path.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        again = True
        for left in reversed(range(self._access.http_request_max_retries + 1)):
            try:
                with self._asked(doing, target) as answer:
                    if answer.status == 200:
                        for piece in _pieces(doing, answer, most_bytes):
                            again = False
                            yield piece
                        return
                    again = answer.status in TRANSIENT
                    raise Unreachable(f"{doing}: {_refusal(answer)}")
            except Unreachable:
                if not (again and left):
                    raise
            time.sleep(PAUSE_SECONDS)

    @contextmanager
    def _asked(self, doing: str, target: str) -> Iterator[HTTPResponse]:
        """The answer, as long as it is wanted; whatever goes wrong with it is Unreachable."""
        connection, hung_up = self._opened(), threading.Event()

        def hang_up(wire: socket.socket) -> None:
            hung_up.set()
            with suppress(OSError):  # it is gone
                # Past a TLS socket's own method, which would take the session from its reader.
                socket.socket.shutdown(wire, socket.SHUT_RDWR)

        clock = threading.Timer(ANSWER_SECONDS, lambda: hang_up(wire))
        clock.daemon = True
        try:
            connection.connect()
            wire = connection.sock
            clock.start()
            connection.request("GET", target, headers=self._access.headers())
            with connection.getresponse() as answer:
                yield answer
            if hung_up.is_set():  # to its reader it looked as if the answer had ended
                raise TimeoutError
        except (HTTPException, OSError, ValueError) as error:
            if hung_up.is_set():
                reason = f"the answer did not end in {ANSWER_SECONDS:g} s"
            else:
                why = getattr(error, "strerror", None) or str(error) or type(error).__name__
                server = f"{self._parts.scheme}://{self._parts.netloc}"
                reason = f"no answer from {server} ({on_one_line(why)[:300]})"
            raise Unreachable(f"{doing}: {reason}") from error
        finally:
            clock.cancel()
            connection.close()

    def _opened(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        timeout = self._access.http_request_timeout
        if self._tls:
            return HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        return HTTPConnection(host, port, timeout=timeout)


def _pieces(doing: str, answer: HTTPResponse, most_bytes: int) -> Iterator[bytes]:
    size, length = 0, answer.length
    while piece := answer.read1(PIECE_BYTES):
        size += len(piece)
        if size > most_bytes:
            raise Unreachable(f"{doing}: the answer is larger than {most_bytes:,} bytes")
        yield piece
    if length is not None and size < length:
        raise Unreachable(f"{doing}: the answer broke off after {size:,} of {length:,} bytes")


def _refusal(answer: HTTPResponse) -> str:
    """Status, and what MLflow says of it, if it is MLflow."""
    status = f"HTTP {answer.status}"
    try:
        said = str(json.loads(answer.read1(REFUSAL_BYTES))["message"])
    except (HTTPException, OSError, ValueError, KeyError, TypeError, RecursionError):
        return on_one_line(f"{status} {answer.reason[:100]}").rstrip()
    return on_one_line(f"{status}: {said.split(chr(10), 1)[0][:300]}")
