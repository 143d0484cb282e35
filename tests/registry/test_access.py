"""How the registry is reached: by whom, past which certificates, how often, and for how long."""

from __future__ import annotations

import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from registry import access
from registry.access import Connection
from registry.errors import Unreachable, UsageError
from tests.registry.strangers import answering, send


@pytest.fixture(autouse=True)
def no_access_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN", "INSECURE_TLS", "SERVER_CERT_PATH"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def read(address: str, most_bytes: int = 1000) -> bytes:
    return b"".join(Connection(address).get("asking", "/x", {"a": "b"}, most_bytes))


@contextmanager
def noting(name: str) -> Iterator[tuple[str, list[str | None]]]:
    """A server, and the values of a header in what it is sent."""
    seen: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers[name])
        send(handler, 200, b"{}")

    with answering(answer) as address:
        yield address, seen


def basic(name: str, password: str) -> str:
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


def write_credentials(home: Path, text: str) -> None:
    (home / ".mlflow").mkdir()
    (home / ".mlflow" / "credentials").write_text(text)


CREDENTIALS = "[mlflow]\nmlflow_tracking_username = eve\nmlflow_tracking_password = 50%\n"


@pytest.mark.parametrize(
    ("variables", "credentials", "sent"),
    [
        ({}, "", None),
        ({"USERNAME": "bob", "PASSWORD": "pässword"}, "", basic("bob", "pässword")),
        ({"TOKEN": "t0ken"}, "", "Bearer t0ken"),
        ({"USERNAME": "bob", "PASSWORD": "p", "TOKEN": "t"}, "", basic("bob", "p")),
        ({"USERNAME": "bob"}, "", None),
        ({}, CREDENTIALS, basic("eve", "50%")),
        ({"USERNAME": "bob", "PASSWORD": "p"}, CREDENTIALS, basic("bob", "p")),
        ({}, "[other]\nx = 1\n", None),
    ],
)
def test_who_asks_is_said_as_mlflows_client_says_it(
    variables: dict[str, str],
    credentials: str,
    sent: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    if credentials:
        write_credentials(tmp_path, credentials)
    with noting("Authorization") as (address, seen):
        read(address)
    assert seen == [sent]


def test_a_damaged_file_of_credentials_stops_it_without_showing_what_it_holds(
    tmp_path: Path,
) -> None:
    write_credentials(tmp_path, "s3cret without a section")
    with pytest.raises(UsageError) as failure:
        Connection("http://127.0.0.1:9")
    assert str(failure.value) == (
        "~/.mlflow/credentials cannot be read (MissingSectionHeaderError)"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "0"),
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon"),
        ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "-1"),
        ("MLFLOW_TRACKING_INSECURE_TLS", "perhaps"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{name}: Input should be "):
        Connection("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("variables", "trusted"),
    [
        ({}, False),
        ({"MLFLOW_TRACKING_SERVER_CERT_PATH": "{ca}"}, True),
        ({"REQUESTS_CA_BUNDLE": "{ca}"}, True),
        ({"MLFLOW_TRACKING_INSECURE_TLS": "true"}, True),
    ],
)
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_only_a_certificate_that_is_trusted_will_do(
    variables: dict[str, str], trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(ca=tmp_path / "ca.pem"))
    with answering(lambda handler: send(handler, 200, b"hello"), tls) as address:
        if trusted:
            assert read(address) == b"hello"
        else:
            with pytest.raises(Unreachable, match="certificate verify failed"):
                read(address)


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


@pytest.mark.parametrize(("most_bytes", "enough"), [(5, True), (4, False)])
def test_an_answer_may_be_so_large_and_no_larger(most_bytes: int, enough: bool) -> None:
    with answering(lambda handler: send(handler, 200, b"hello")) as address:
        if enough:
            assert read(address, most_bytes) == b"hello"
        else:
            with pytest.raises(Unreachable, match=r"^asking: the answer is larger than 4 bytes$"):
                read(address, most_bytes)


def test_an_answer_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "ANSWER_SECONDS", 0.3)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    with (
        answering(answer) as address,
        pytest.raises(Unreachable, match=r"^asking: the answer did not end in 0.3 s$"),
    ):
        read(address)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.2")
    with (
        answering(lambda _: time.sleep(2)) as address,
        pytest.raises(Unreachable, match=r"^asking: .*[Tt]imed out"),
    ):
        read(address)


def test_a_redirect_to_another_host_is_not_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    with noting("Authorization") as (elsewhere, seen):

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("Location", elsewhere.replace("127.0.0.1", "localhost"))
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with answering(answer) as address:
            read(address)
    assert seen == [None]
