"""Credentials, certificates and workspace as MLflow's own client sends them, and wrong ones."""

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
from tests.registry.tracking.fake_servers import read, send, serving


@pytest.fixture(autouse=True)
def no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("MLFLOW_TRACKING_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@contextmanager
def recording(header: str) -> Iterator[tuple[str, list[str | None]]]:
    """A server, and the values of a header in the requests that it receives."""
    seen: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers[header])
        send(handler, 200, b"{}")

    with serving(respond) as address:
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
def test_credentials_are_sent_as_mlflows_client_sends_them(
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
    with recording("Authorization") as (address, seen):
        read(address)
    assert seen == [sent]


def test_a_damaged_credentials_file_is_refused_and_its_content_not_shown(tmp_path: Path) -> None:
    write_credentials(tmp_path, "s3cret without a section")
    with pytest.raises(UsageError) as failure:
        Connection("http://127.0.0.1:9")
    assert str(failure.value) == "~/.mlflow/credentials cannot be read (MissingSectionHeaderError)"


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
def test_an_unsupported_way_to_authenticate_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as failure:
        Connection("http://127.0.0.1:9")
    assert str(failure.value) == f"{name} is not supported here; use MLFLOW_TRACKING_TOKEN"


@pytest.mark.parametrize("token", ["s3cret\nx: y", "s3cret\x00", "s3crét"])
def test_a_token_that_a_header_cannot_hold_is_refused_and_not_shown(
    token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "\x00" in token:  # an environment variable cannot hold it, and a credentials file can
        write_credentials(tmp_path, f"[mlflow]\nmlflow_tracking_username = a\n{token}")
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    with pytest.raises(UsageError) as failure:
        Connection("http://127.0.0.1:9")
    assert "s3cr" not in str(failure.value)


@pytest.mark.parametrize("value", ["team-a", " team-a\n"])
def test_the_workspace_is_sent(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the ledger of another workspace would be read than is written to."""
    monkeypatch.setenv("MLFLOW_WORKSPACE", value)
    with recording("X-MLFLOW-WORKSPACE") as (address, seen):
        read(address)
    assert seen == ["team-a"]


def test_a_changed_credentials_file_counts_from_the_next_request_on(tmp_path: Path) -> None:
    write_credentials(tmp_path, CREDENTIALS)
    with recording("Authorization") as (address, seen):
        connection = Connection(address)
        for password in ("first", "second"):
            text = CREDENTIALS.replace("50%%", password)
            (tmp_path / ".mlflow" / "credentials").write_text(text)
            assert list(connection.get("testing", "/x", {}, 10)) == [b"{}"]
    assert seen == [basic("eve", "first"), basic("eve", "second")]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secured(authority: trustme.CA) -> Iterator[str]:
    """A server with a certificate of `authority`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with serving(lambda handler: send(handler, 200, b"hello"), tls) as address:
        yield address


@pytest.fixture
def certificates(
    request: pytest.FixtureRequest,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sets variables; `{ca}` is the certificate of `authority`, `{other}` another authority's."""
    for name, issuer in (("ca", authority), ("other", trustme.CA())):
        issuer.cert_pem.write_to_path(tmp_path / f"{name}.pem")
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
def test_a_trusted_certificate_is_accepted(secured: str) -> None:
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
def test_another_certificate_is_refused(secured: str) -> None:
    with pytest.raises(Unreachable, match="certificate verify failed"):
        read(secured)


def test_a_missing_certificate_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match=r"SERVER_CERT_PATH .*: No such file or directory$"):
        Connection("https://127.0.0.1:9")
