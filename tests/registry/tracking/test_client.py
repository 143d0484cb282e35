"""MLflow's client against a real server, and against one that is away, hostile or not MLflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from registry.errors import NotFound, RegistryError, Unreachable, UsageError
from registry.tracking.client import connect, download, server_errors, suppress_exists
from registry.tracking.names import PRODUCTION
from tests.registry.tracking.fake_servers import fake_server
from tests.world import World


@pytest.mark.parametrize("uri", [None, "", "mlruns", "file:///tmp/mlruns", "sqlite:///mlflow.db"])
def test_only_a_shared_server_is_accepted(uri: str | None) -> None:
    with pytest.raises(UsageError, match="set MLFLOW_TRACKING_URI"):
        connect(uri)


@pytest.mark.parametrize(
    "name", ["../../evil", "/evil", "a/../../../evil", "..%2f..%2fevil", "%252e%252e%252fevil"]
)
def test_a_file_name_cannot_leave_the_folder(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"files": [{"path": name, "is_dir": False, "file_size": 3}]}).encode()
    temporary = tmp_path / "in" / "temporary"
    temporary.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with (
        fake_server(200, body) as uri,
        pytest.raises(Unreachable, match="downloading mlflow-artifacts:/1/model: "),
    ):
        download(connect(uri), "mlflow-artifacts:/1/model", 10)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"files": 5}', b'{"files": [{"path": 5}]}'])
def test_a_malformed_listing_is_unreachable(body: bytes) -> None:
    with fake_server(200, body) as uri, pytest.raises(Unreachable, match="downloading "):
        download(connect(uri), "mlflow-artifacts:/1/model", 10)


def test_files_that_the_server_does_not_have_are_unreachable(world: World) -> None:
    with pytest.raises(Unreachable, match="downloading mlflow-artifacts:/none/model"):
        download(world.client, "mlflow-artifacts:/none/model", 10)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (MlflowException("gone", 1002), Unreachable),
        (MlflowException("gone", error_code=5), Unreachable),
        (ConnectionResetError("reset\nby peer"), Unreachable),
        (OSError(), Unreachable),
    ],
)
def test_errors_of_the_client_become_one_line(
    raised: Exception, expected: type[RegistryError]
) -> None:
    with pytest.raises(expected) as failure, server_errors("reading"):
        raise raised
    assert str(failure.value).startswith("reading: ")
    assert "\n" not in str(failure.value)


def test_what_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="reading: "), server_errors("reading"):
        world.client.get_registered_model(PRODUCTION)


def test_only_the_error_that_something_exists_is_suppressed(world: World) -> None:
    for _ in range(2):
        with suppress_exists():
            world.client.create_registered_model(PRODUCTION)
    with pytest.raises(MlflowException), suppress_exists():
        world.client.get_model_version(PRODUCTION, "7")
