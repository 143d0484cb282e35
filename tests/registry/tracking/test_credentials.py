"""How the registry is reached: by whom, past which certificates, and what is said of mistakes."""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from registry.errors import Unreachable, UsageError
from registry.tracking.connection import Connection
from tests.registry.strangers import answering, send


@pytest.fixture(autouse=True)
def no_access_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("MLFLOW_TRACKING_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def read(address: str, max_bytes: int = 1000) -> bytes:
    return b"".join(Connection(address).get("asking", "/x", {"a": "b"}, max_bytes))


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


CREDENTIALS = "[mlflow]\nmlflow_tracking_username = eve\nmlflow_tracking_password = 50%%\n"


@pytest.mark.parametrize(
    ("variables", "credentials", "sent"),
    [
        ({}, "", None),
        ({"USERNAME": "bob", "PASSWORD": "pässword"}, "", basic("bob", "pässword")),
        ({"TOKEN": "t0ken"}, "", "Bearer t0ken"),
        ({"USERNAME": "bob", "PASSWORD": "p", "TOKEN": "t"}, "", basic("bob", "p")),
        ({"TOKEN": " t0ken\n"}, "", "Bearer t0ken"),
        ({"USERNAME": "bob"}, "", None),
        ({"USERNAME": "bob"}, CREDENTIALS, basic("bob", "50%")),
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
        ("MLFLOW_HTTP_REQUEST_TIMEOUT", "inf"),
        ("MLFLOW_TRACKING_INSECURE_TLS", "perhaps"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{name}: Input should be "):
        Connection("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("name", "value"),
    [("MLFLOW_TRACKING_AUTH", "kubernetes"), ("MLFLOW_TRACKING_AWS_SIGV4", "true")],
)
def test_a_way_of_saying_who_asks_that_is_not_known_is_not_passed_over(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as failure:
        Connection("http://127.0.0.1:9")
    assert str(failure.value) == f"{name} is not supported here; use MLFLOW_TRACKING_TOKEN"


@pytest.mark.parametrize("token", ["s3cret\nx: y", "s3cret\x00", "s3crét"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(
    token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "\x00" in token:  # no environment can hold it, and a file of credentials can
        write_credentials(tmp_path, f"[mlflow]\nmlflow_tracking_username = a\n{token}")
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    with pytest.raises(UsageError) as failure:
        Connection("http://127.0.0.1:9")
    assert "s3cr" not in str(failure.value)


@pytest.mark.parametrize("value", ["team-a", " team-a\n"])
def test_the_workspace_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else another workspace's ledger would be read, or none, than the one that is written to."""
    monkeypatch.setenv("MLFLOW_WORKSPACE", value)
    with noting("X-MLFLOW-WORKSPACE") as (address, seen):
        read(address)
    assert seen == ["team-a"]


def test_a_file_of_credentials_that_changes_counts_from_the_next_question_on(
    tmp_path: Path,
) -> None:
    write_credentials(tmp_path, CREDENTIALS)
    with noting("Authorization") as (address, seen):
        connection = Connection(address)
        for password in ("first", "second"):
            text = CREDENTIALS.replace("50%%", password)
            (tmp_path / ".mlflow" / "credentials").write_text(text)
            assert list(connection.get("asking", "/x", {}, 10)) == [b"{}"]
    assert seen == [basic("eve", "first"), basic("eve", "second")]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secured(authority: trustme.CA) -> Iterator[str]:
    """A server with a certificate of `authority`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with answering(lambda handler: send(handler, 200, b"hello"), tls) as address:
        yield address


@pytest.fixture
def certificates(
    request: pytest.FixtureRequest,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sets variables, `{ca}` in them for the certificate of `authority`, `{other}` for another."""
    for name, one in (("ca", authority), ("other", trustme.CA())):
        one.cert_pem.write_to_path(tmp_path / f"{name}.pem")
    paths = {name: tmp_path / f"{name}.pem" for name in ("ca", "other")}
    for name, value in request.param.items():
        monkeypatch.setenv(name, value.format(**paths))


@pytest.mark.parametrize(
    "certificates",
    [
        {"MLFLOW_TRACKING_SERVER_CERT_PATH": "{ca}"},
        {"MLFLOW_TRACKING_SERVER_CERT_PATH": "{ca}", "SSL_CERT_FILE": "{other}"},
        {"SSL_CERT_FILE": "{ca}"},
        {"MLFLOW_TRACKING_INSECURE_TLS": "true"},
    ],
    indirect=True,
)
@pytest.mark.usefixtures("certificates")
def test_a_certificate_that_is_trusted_will_do(secured: str) -> None:
    assert read(secured) == b"hello"


@pytest.mark.parametrize(
    "certificates",
    [
        {},
        {"MLFLOW_TRACKING_SERVER_CERT_PATH": "{other}"},
        {"MLFLOW_TRACKING_SERVER_CERT_PATH": "{other}", "REQUESTS_CA_BUNDLE": "{ca}"},
        {"MLFLOW_TRACKING_SERVER_CERT_PATH": "{other}", "MLFLOW_TRACKING_INSECURE_TLS": "true"},
    ],
    indirect=True,
)
@pytest.mark.usefixtures("certificates")
def test_no_other_certificate_will_do(secured: str) -> None:
    with pytest.raises(Unreachable, match="certificate verify failed"):
        read(secured)


def test_a_file_of_certificates_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"SERVER_CERT_PATH .*: No such file or directory$"):
        Connection("https://127.0.0.1:9")
