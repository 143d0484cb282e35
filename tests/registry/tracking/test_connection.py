"""One question to the registry: what an answer may be, and what it may cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from registry.errors import Unreachable, UsageError
from registry.tracking import connection
from registry.tracking.connection import Connection
from tests.registry.strangers import answering, send


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(connection, "RETRY_DELAY_SECONDS", 0.01)


def read(address: str, max_bytes: int = 1000) -> bytes:
    return b"".join(Connection(address).get("asking", "/x", {"a": "b"}, max_bytes))


@pytest.mark.parametrize(
    "address",
    [
        *(None, "", "mlruns", "file:///tmp/mlruns", "sqlite:///mlflow.db", "http://", "//host"),
        *("http://host:99999", "http://host:0", "http://host:x", "http://[::1", "http://h?a=b"),
    ],
)
def test_only_a_servers_address_will_do(address: str | None) -> None:
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


@pytest.mark.parametrize(("retries", "answers"), [("2", True), ("1", False)])
def test_a_passing_failure_is_tried_again_as_often_as_is_said(
    retries: str, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", retries)
    left = [503, 503, 200]
    with answering(lambda handler: send(handler, left.pop(0), b"hello")) as address:
        if answers:
            assert read(address) == b"hello"
        else:
            with pytest.raises(Unreachable, match=r"^asking: HTTP 503 Service Unavailable$"):
                read(address)


@pytest.mark.parametrize(
    ("body", "said"),
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
def test_a_refusal_is_said_on_one_line(body: bytes, said: str) -> None:
    with (
        answering(lambda handler: send(handler, 403, body)) as address,
        pytest.raises(Unreachable) as failure,
    ):
        read(address)
    assert str(failure.value) == f"asking: {said}"


def test_an_answer_in_pieces_of_unknown_length_is_read_whole() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in (b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"):
            handler.wfile.write(piece)
            handler.wfile.flush()

    with answering(answer) as address:
        assert read(address) == b"abcde"


def test_an_answer_that_breaks_off_is_unreachable_and_not_damaged() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"abc")
        handler.close_connection = True

    with answering(answer) as address, pytest.raises(Unreachable, match=r"^asking: "):
        read(address)


@pytest.mark.parametrize(("max_bytes", "enough"), [(5, True), (4, False)])
def test_an_answer_may_be_so_large_and_no_larger(max_bytes: int, enough: bool) -> None:
    with answering(lambda handler: send(handler, 200, b"hello")) as address:
        if enough:
            assert read(address, max_bytes) == b"hello"
        else:
            with pytest.raises(Unreachable, match=r"^asking: the response is larger than 4 bytes$"):
                read(address, max_bytes)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.2")
    with (
        answering(lambda _: time.sleep(2)) as address,
        pytest.raises(Unreachable, match=r"^asking: .*[Tt]imed out"),
    ):
        read(address)


def trickle(handler: BaseHTTPRequestHandler, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(0.05)


def repeated(head: bytes, piece: bytes) -> Iterator[bytes]:
    yield head
    for _ in range(100):
        yield piece


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (OK, b"x: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        (OK + b"Content-Length: 1000\r\nConnection: close\r\n\r\n", b"x"),
        (OK + b"\r\n", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n", b"x"),
    ],
    ids=["head", "continue", "body", "last body", "body without end", "trailers", "refusal"],
)
def test_whatever_trickles_is_given_up(
    head: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_RESPONSE_SECONDS", 0.3)
    began = time.monotonic()
    with (
        answering(lambda handler: trickle(handler, repeated(head, piece))) as address,
        pytest.raises(Unreachable, match=r"^asking: "),
    ):
        read(address)
    assert time.monotonic() - began < 3


def test_nobody_keeps_watching_an_answer_that_has_ended() -> None:
    with answering(lambda handler: send(handler, 200, b"hello")) as address:
        for _ in range(5):
            read(address)
        watching = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    assert [one for one in watching if not one.finished.is_set()] == []


def moved(handler: BaseHTTPRequestHandler, where: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", where)
    handler.send_header("Content-Length", str(10**12))
    handler.end_headers()
    handler.wfile.write(b"x" * 1000)


@pytest.mark.parametrize("where", ["http://127.0.0.1:1/x", "http://[bad", "\xff\xfe", "file:///x"])
def test_a_redirect_is_not_followed_and_its_body_not_read(where: str) -> None:
    with (
        answering(lambda handler: moved(handler, where)) as address,
        pytest.raises(Unreachable) as failure,
    ):
        read(address)
    assert str(failure.value) == "asking: HTTP 302 Found"


def test_no_cookie_is_kept() -> None:
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers["Cookie"])
        handler.send_response(200)
        handler.send_header("Set-Cookie", "a=b")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with answering(answer) as address:
        asked = Connection(address)
        for _ in range(2):
            list(asked.get("asking", "/x", {}, 10))
    assert seen == [None, None]


def test_what_is_done_is_said_on_one_line() -> None:
    with pytest.raises(Unreachable, match=r"^listing a\\nb\\x1b\[2J: "):
        list(Connection("http://127.0.0.1:9").get("listing a\nb\x1b[2J", "/x", {}, 10))
