"""One request to the tracking server: which responses are accepted, and within which bounds."""

from __future__ import annotations

import threading
import time
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler
from itertools import repeat
from typing import cast

import pytest

from registry.errors import Unreachable, UsageError
from registry.tracking import connection
from registry.tracking.connection import Connection, TooLarge
from tests.registry.tracking.fake_servers import read, send, send_raw, serving

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "address",
    [
        *(None, "", "mlruns", "file:///tmp/mlruns", "sqlite:///mlflow.db", "http://", "//host"),
        *("http://host:99999", "http://host:0", "http://host:x", "http://[::1", "http://h?a=b"),
    ],
)
def test_only_the_address_of_a_server_is_accepted(address: str | None) -> None:
    with pytest.raises(UsageError, match=r"^set MLFLOW_TRACKING_URI to the tracking server"):
        Connection(address)


@pytest.mark.parametrize(
    "address",
    ["http://bob:s3cret@host", "http://s3cret@host:5000", "http://bob:s3#cret@host"],
)
def test_a_password_in_the_address_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(UsageError, match="MLFLOW_TRACKING_URI") as failure:
        Connection(address)
    assert "s3" not in str(failure.value)


@pytest.mark.parametrize(("retries", "succeeds"), [("2", True), ("1", False)])
def test_a_transient_failure_is_retried_as_often_as_configured(
    retries: str, succeeds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", retries)
    monkeypatch.setattr(connection, "RETRY_DELAY_SECONDS", 0.01)
    statuses = [503, 503, 200]
    with serving(lambda handler: send(handler, statuses.pop(0), b"hello")) as address:
        if succeeds:
            assert read(address) == b"hello"
        else:
            with pytest.raises(Unreachable, match=r"^testing: HTTP 503 Service Unavailable$"):
                read(address)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error_code": "X", "message": "no\\nright \\u001b[2J"}', "HTTP 403: no"),
        (b"<html>no</html>", "HTTP 403 Forbidden"),
        (b'{"message": {}}', "HTTP 403: {}"),
        (b"[]", "HTTP 403 Forbidden"),
        (b"\xff", "HTTP 403 Forbidden"),
        (b'{"message": "' + b"x" * 5000, "HTTP 403 Forbidden"),
        (b"[" * 4000, "HTTP 403 Forbidden"),
    ],
)
def test_a_refusal_is_reported_on_one_line(body: bytes, message: str) -> None:
    with (
        serving(lambda handler: send(handler, 403, body)) as address,
        pytest.raises(Unreachable) as failure,
    ):
        read(address)
    assert str(failure.value) == f"testing: {message}"


def test_a_chunked_response_is_read_whole() -> None:
    parts = (
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        *(b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"),
    )
    with serving(lambda handler: send_raw(handler, *parts)) as address:
        assert read(address) == b"abcde"


def test_a_truncated_response_is_unreachable() -> None:
    truncated = OK + b"Content-Length: 10\r\n\r\nabc"
    with (
        serving(lambda handler: send_raw(handler, truncated)) as address,
        pytest.raises(Unreachable, match=r"^testing: the response ended after 3 of 10 bytes$"),
    ):
        read(address)


@pytest.mark.parametrize(("max_bytes", "enough"), [(5, True), (4, False)])
def test_a_response_has_a_maximum_size(max_bytes: int, enough: bool) -> None:
    with serving(lambda handler: send(handler, 200, b"hello")) as address:
        if enough:
            assert read(address, max_bytes) == b"hello"
        else:
            with pytest.raises(Unreachable, match=r"^testing: the response is larger than 4 byt"):
                read(address, max_bytes)


def test_a_server_that_sends_nothing_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.2")
    with (
        serving(lambda _: time.sleep(2)) as address,
        pytest.raises(Unreachable, match=r"^testing: .*[Tt]imed out"),
    ):
        read(address)


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (OK, b"x: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        (OK + b"Content-Length: 1000\r\nConnection: close\r\n\r\n", b"x"),
        (OK + b"\r\n", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n", b"x"),
    ],
    ids=["headers", "continue", "body", "last body", "body without end", "trailers", "refusal"],
)
def test_a_response_that_is_sent_slowly_times_out(
    start: bytes, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_RESPONSE_SECONDS", 0.3)
    parts = (start, *repeat(part, 100))
    began = time.monotonic()
    with (
        serving(lambda handler: send_raw(handler, *parts, pause_seconds=0.05)) as address,
        pytest.raises(Unreachable, match=r"^testing: "),
    ):
        read(address)
    assert time.monotonic() - began < 3


def test_no_timer_outlives_its_response() -> None:
    with serving(lambda handler: send(handler, 200, b"hello")) as address:
        for _ in range(5):
            read(address)
        timers = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    assert [timer for timer in timers if not timer.finished.is_set()] == []


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/x", "http://[bad", "\xff\xfe", "file:///x"])
def test_a_redirect_is_not_followed_and_its_body_not_read(where: str) -> None:
    headers = f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: {10**12}\r\n\r\n"
    redirect = headers.encode("latin-1") + b"x" * 1000
    with (
        serving(lambda handler: send_raw(handler, redirect)) as address,
        pytest.raises(Unreachable) as failure,
    ):
        read(address)
    assert str(failure.value) == "testing: HTTP 302 Found"


def test_no_cookie_is_kept() -> None:
    cookies: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        cookies.append(handler.headers["Cookie"])
        send_raw(handler, OK + b"Set-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    with serving(respond) as address:
        server = Connection(address)
        for _ in range(2):
            list(server.get("testing", "/x", {}, 10))
    assert cookies == [None, None]


def test_the_operation_is_reported_on_one_line() -> None:
    with pytest.raises(Unreachable, match=r"^listing a\\nb\\x1b\[2J: "):
        list(Connection("http://127.0.0.1:9").get("listing a\nb\x1b[2J", "/x", {}, 10))


class Segments:
    """A response whose body arrives in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.length = sum(map(len, pieces))

    def read1(self, _: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def test_the_start_of_what_is_too_large_is_read_however_it_arrives() -> None:
    """It may say which version of the ledger has become too large."""
    response = cast(HTTPResponse, Segments(b"x" * 10, b"y" * 1014, b"z" * 9000))
    chunks = connection._chunks("reading", response, 5000)
    assert [next(chunks), next(chunks)] == [b"x" * 10, b"y" * 1014]
    with pytest.raises(TooLarge):
        next(chunks)
