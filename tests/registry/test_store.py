"""The tracking server as this product reads it, also when it is away, hostile, or no MLflow."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from deploy.processes import free_port
from registry.errors import NotFound, RegistryError, Unreachable, UsageError
from registry.store import (
    PRODUCTION,
    STATEMENT_TAG,
    connect,
    download,
    read_ledger,
    server_errors,
    suppress_exists,
)
from tests.conftest import World
from tests.registry.entries import TRUST


@contextmanager
def stranger(status: int, listing: bytes, content: bytes = b"abc") -> Iterator[str]:
    """A server that answers with `status` and `listing`, or `content` where a file is asked for."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_file = "/mlflow-artifacts/artifacts/" in self.path
            body = content if is_file else listing
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


@pytest.mark.parametrize("uri", [None, "", "mlruns", "file:///tmp/mlruns", "sqlite:///mlflow.db"])
def test_only_a_server_that_everybody_reads_will_do(uri: str | None) -> None:
    with pytest.raises(UsageError, match="set MLFLOW_TRACKING_URI"):
        connect(uri)


def test_a_server_without_the_registered_model_has_an_empty_ledger(world: World) -> None:
    assert world.ledger.chain == ()
    assert world.ledger.findings == ()


def test_versions_of_other_models_are_no_entries(world: World) -> None:
    world.register()
    assert world.ledger.findings == ()


def test_a_version_is_read_with_its_number_source_and_statement(world: World) -> None:
    source = f"{world.client.get_run(world.evaluate(world.register())[0][:32]).info.artifact_uri}"
    run_id = source.split("/")[-2]
    world.client.create_registered_model(PRODUCTION)
    for tags in ({}, {STATEMENT_TAG: "junk"}, {"other": "x"}):
        world.client.create_model_version(PRODUCTION, source, run_id=run_id, tags=tags)
    assert [str(one) for one in world.ledger.findings] == [
        "version 1 is passed over: it has no statement",
        "version 2 is passed over: the statement is not a DSSE envelope",
        "version 3 is passed over: it has no statement",
    ]
    assert world.ledger.head is None


def test_a_server_that_is_away_is_unreachable() -> None:
    client = connect(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unreachable, match="reading the ledger: "):
        read_ledger(client, TRUST)


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_server_that_refuses_is_unreachable(status: int) -> None:
    with stranger(status, b"<html>no\nmore</html>") as uri, pytest.raises(Unreachable) as failure:
        read_ledger(connect(uri), TRUST)
    assert str(failure.value).startswith("reading the ledger: ")
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>please log in</html>",
        b"null",
        b"[]",
        b'{"model_versions": 5}',
        b'{"model_versions": [{"version": "latest"}]}',
        b'{"model_versions": [{"version": []}]}',
    ],
)
def test_an_answer_that_is_not_mlflows_is_unreachable(body: bytes) -> None:
    with stranger(200, body) as uri, pytest.raises(Unreachable, match="reading the ledger: "):
        read_ledger(connect(uri), TRUST)


def test_a_version_whose_statement_has_no_value_is_passed_over() -> None:
    version = {"name": PRODUCTION, "version": "1", "tags": [{"key": STATEMENT_TAG}]}
    body = json.dumps({"model_versions": [version]}).encode()
    with stranger(200, body) as uri:
        ledger = read_ledger(connect(uri), TRUST)
    assert [finding.kind for finding in ledger.findings] == ["passed over"]


@pytest.mark.parametrize(
    "name", ["../../evil", "/evil", "a/../../../evil", "..%2f..%2fevil", "%252e%252e%252fevil"]
)
def test_a_file_name_cannot_climb_out_of_the_folder(tmp_path: Path, name: str) -> None:
    body = json.dumps({"files": [{"path": name, "is_dir": False, "file_size": 3}]}).encode()
    destination = tmp_path / "in" / "destination"
    with (
        stranger(200, body) as uri,
        pytest.raises(Unreachable, match="fetching mlflow-artifacts:/1/model: "),
    ):
        download(connect(uri), "mlflow-artifacts:/1/model", destination)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"files": 5}', b'{"files": [{"path": 5}]}'])
def test_a_listing_that_is_not_mlflows_is_unreachable(tmp_path: Path, body: bytes) -> None:
    with stranger(200, body) as uri, pytest.raises(Unreachable, match="fetching "):
        download(connect(uri), "mlflow-artifacts:/1/model", tmp_path / "model")


def test_files_that_the_server_does_not_have_are_unreachable(world: World, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="fetching mlflow-artifacts:/none/model"):
        download(world.client, "mlflow-artifacts:/none/model", tmp_path / "model")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (MlflowException("gone", 1002), Unreachable),
        (MlflowException("gone", error_code=5), Unreachable),
        (ConnectionResetError("reset\nby peer"), Unreachable),
        (OSError(), Unreachable),
    ],
)
def test_what_the_client_raises_becomes_one_line(
    raised: Exception, expected: type[RegistryError]
) -> None:
    with pytest.raises(expected) as failure, server_errors("looking"):
        raise raised
    assert str(failure.value).startswith("looking: ")
    assert "\n" not in str(failure.value)


def test_what_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="looking: "), server_errors("looking"):
        world.client.get_registered_model(PRODUCTION)


def test_what_exists_already_is_no_failure_and_anything_else_is(world: World) -> None:
    for _ in range(2):
        with suppress_exists():
            world.client.create_registered_model(PRODUCTION)
    with pytest.raises(MlflowException), suppress_exists():
        world.client.get_model_version(PRODUCTION, "7")
