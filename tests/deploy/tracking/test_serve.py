"""What the server is started with: nothing secret among its arguments, nothing left open."""

from __future__ import annotations

import configparser
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from deploy.tracking.serve import new_folder, serve, server_command, server_environment
from deploy.tracking.settings import TrackingSettings
from registry.errors import RegistryError
from tests.deploy.tracking.server_secrets import SERVER_SECRETS

DATABASE = "postgresql+psycopg2://mlflow:p%40ss@db:5432/mlflow"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> TrackingSettings:
    for name, value in {
        "MLFLOW_BACKEND_STORE_URI": DATABASE,
        "MLFLOW_ARTIFACTS_DESTINATION": "wasbs://mlflow@bank.blob.core.windows.net",
        **SERVER_SECRETS,
    }.items():
        monkeypatch.setenv(name, value)
    return TrackingSettings()


def test_no_secret_is_among_the_arguments(settings: TrackingSettings) -> None:
    command = server_command(settings)

    assert command[1:5] == ["-m", "mlflow", "server", "--app-name"]
    assert not any("secret" in word or "p%40ss" in word for word in command)


def test_what_mlflow_leaves_open_is_closed(settings: TrackingSettings, tmp_path: Path) -> None:
    environment = server_environment(settings, tmp_path)

    assert {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
        "MLFLOW_SERVE_ARTIFACTS": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_EXPOSE_PROMETHEUS": str(tmp_path / "metrics"),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost,localhost:5000,127.0.0.1,127.0.0.1:5000",
    }.items() <= environment.items()
    users = configparser.ConfigParser()
    users.read(environment["MLFLOW_AUTH_CONFIG_PATH"])
    assert dict(users["mlflow"]) == {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": DATABASE,
        "authorization_function": "deploy.tracking.guard:authenticate",
        "auth_cache_ttl_seconds": "60",
    }


def test_the_file_with_the_database_is_for_its_owner_only(
    settings: TrackingSettings, tmp_path: Path
) -> None:
    path = Path(server_environment(settings, tmp_path)["MLFLOW_AUTH_CONFIG_PATH"])

    assert path.stat().st_mode & 0o777 == 0o600


def test_folders_of_servers_that_have_ended_are_deleted_and_those_of_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait(timeout=10)
    for process in (ended.pid, os.getpid(), os.getppid()):
        (tmp_path / f"fraud-tracking-{process}-left").mkdir()
    (tmp_path / "fraud-tracking-notes").mkdir()

    made = new_folder()

    assert made.name.startswith(f"fraud-tracking-{os.getpid()}-")
    assert {path.name for path in tmp_path.iterdir()} == {
        made.name,
        f"fraud-tracking-{os.getppid()}-left",
        "fraud-tracking-notes",
    }


def test_a_database_that_is_not_migrated_is_refused(
    settings: TrackingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", f"sqlite:///{tmp_path}/empty.db")

    with pytest.raises(RegistryError, match="is not that of the installed MLflow"):
        serve(TrackingSettings(), tmp_path)
