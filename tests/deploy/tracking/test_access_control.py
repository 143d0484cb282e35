"""Errors of the administrator's requests, without a server with basic auth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from deploy.local.processes import free_port
from deploy.tracking.access_control import AccessControl
from registry.errors import NotFound, Unreachable, UsageError


@contextmanager
def answering(status: int, body: bytes) -> Iterator[AccessControl]:
    """A server that gives every request the same response."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield AccessControl(f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def user(**fields: object) -> bytes:
    return json.dumps({"user": {"username": "ana", "is_admin": True, **fields}}).encode()


def test_the_administrator_is_named() -> None:
    with answering(200, user()) as server:
        assert server.require_administrator() == "ana"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, user(is_admin=False), "ana is no administrator of http://127.0.0.1:"),
        (401, b"", "the server does not accept MLFLOW_TRACKING_USERNAME"),
        (404, b"<html>", " has no basic auth; start it with `--app-name basic-auth`"),
    ],
)
def test_who_is_no_administrator_is_told_what_to_do(status: int, body: bytes, message: str) -> None:
    with answering(status, body) as server, pytest.raises(UsageError) as caught:
        server.require_administrator()

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, b'{"message": "out of\\u001b order"}', "signing in: HTTP 500: out of\\x1b order"),
        (502, b"", "signing in: HTTP 502: Bad Gateway"),
        (200, b"<html>", "signing in: not an MLflow response"),
        (200, b"[]", "signing in: not an MLflow response"),
        (200, b"{}", "signing in: not an MLflow response"),
        (200, user(is_admin="perhaps"), "signing in: not an MLflow response"),
    ],
)
def test_another_response_is_reported_on_one_line(status: int, body: bytes, message: str) -> None:
    with answering(status, body) as server, pytest.raises(Unreachable) as caught:
        server.require_administrator()

    assert str(caught.value) == message


def test_a_server_that_is_away_is_named() -> None:
    port = free_port()

    with pytest.raises(Unreachable) as caught:
        AccessControl(f"http://127.0.0.1:{port}").users()

    assert str(caught.value) == (
        f"listing the users: no response from http://127.0.0.1:{port} (ConnectionError)"
    )


@pytest.mark.parametrize("uri", [None, "", "sqlite:///mlflow.db", "http://ana:secret@host"])
def test_an_address_that_is_none_is_refused_without_its_password(uri: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        AccessControl(uri)

    assert "MLFLOW_TRACKING_URI" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_deleted_experiment_is_to_be_restored() -> None:
    experiment = {"experiment_id": "2", "artifact_location": "", "lifecycle_stage": "deleted"}
    body = json.dumps({"experiment": experiment}).encode()

    with answering(200, body) as server, pytest.raises(NotFound) as caught:
        server.experiment("fraud-detector")

    assert str(caught.value) == "experiment fraud-detector was deleted; restore it in MLflow"


def test_what_is_not_there_is_not_found() -> None:
    with answering(404, b"{}") as server:
        assert server.experiment("fraud-detector") is None
        assert not server.has_model("fraud-detector")


def test_a_password_that_is_not_accepted_is_no_error() -> None:
    with answering(401, b"") as server:
        assert not server.accepts("reader", "guessed")
    with answering(200, user()) as server:
        assert server.accepts("ana", "right")
