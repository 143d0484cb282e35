"""The tracking server through MLflow's client, also when it is away, hostile, or no MLflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from registry.errors import NotFound, RegistryError, Unreachable, UsageError
from registry.tracking.client import connect, download, server_errors, suppress_exists
from registry.tracking.names import PRODUCTION
from tests.registry.strangers import stranger
from tests.world import World


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


@pytest.mark.parametrize("uri", [None, "", "mlruns", "file:///tmp/mlruns", "sqlite:///mlflow.db"])
def test_only_a_server_that_everybody_reads_will_do(uri: str | None) -> None:
    with pytest.raises(UsageError, match="set MLFLOW_TRACKING_URI"):
        connect(uri)


@pytest.mark.parametrize(
    "name", ["../../evil", "/evil", "a/../../../evil", "..%2f..%2fevil", "%252e%252e%252fevil"]
)
def test_a_file_name_cannot_climb_out_of_the_folder(tmp_path: Path, name: str) -> None:
    body = json.dumps({"files": [{"path": name, "is_dir": False, "file_size": 3}]}).encode()
    destination = tmp_path / "in" / "destination"
    with (
        stranger(200, body) as uri,
        pytest.raises(Unreachable, match="downloading mlflow-artifacts:/1/model: "),
    ):
        download(connect(uri), "mlflow-artifacts:/1/model", destination)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"files": 5}', b'{"files": [{"path": 5}]}'])
def test_a_listing_that_is_not_mlflows_is_unreachable(tmp_path: Path, body: bytes) -> None:
    with stranger(200, body) as uri, pytest.raises(Unreachable, match="downloading "):
        download(connect(uri), "mlflow-artifacts:/1/model", tmp_path / "model")


def test_files_that_the_server_does_not_have_are_unreachable(world: World, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="downloading mlflow-artifacts:/none/model"):
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
