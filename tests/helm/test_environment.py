"""The programs understand the environment that the chart gives them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic_settings import BaseSettings

from deploy.tracking.hosts import allowed_hosts
from deploy.tracking.settings import DatabaseSettings, TrackingSettings
from deploy.tracking.settings import read_settings as read_tracking_settings
from inference.settings import Settings, read_settings
from tests.helm.rendering import VARIANTS, Pod, pods, rendered

SECRETS = {
    "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg2://mlflow@db:5432/mlflow",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "k" * 32,
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "MLFLOW_AUTH_ADMIN_PASSWORD": "p" * 16,
}


def pod(variant: str, name: str) -> Pod:
    [found] = [one for one in pods(rendered(*VARIANTS[variant])) if str(one) == name]
    return found


def values(container: dict[str, Any]) -> dict[str, str]:
    """Its variables; what comes from elsewhere has some text, but the floor, which is not set."""
    elsewhere = {"FRAUD_LEDGER_FLOOR": ""}
    return {
        one["name"]: one.get("value", elsewhere.get(one["name"], "10.244.1.7"))
        for one in container["env"]
    }


def become(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Have these variables, and none of this machine's."""
    for name in [one for one in os.environ if one.startswith(("FRAUD_", "MLFLOW_", "POD_IP"))]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def known(kind: type[BaseSettings]) -> set[str]:
    return {str(field.validation_alias) for field in kind.model_fields.values()}


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("dev", "fraud-inference"),
        ("production", "fraud-inference"),
        ("everything", "fraud-staging"),
    ],
)
def test_inference_reads_all_of_its_settings(
    variant: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [container] = pod(variant, f"Deployment/{name}").containers
    environment = values(container)
    become(monkeypatch, environment)

    settings = read_settings()

    named = {one for one in environment if one.startswith("FRAUD_")}
    assert named - known(Settings) == set()
    assert (settings.host, settings.port, settings.auth) == ("0.0.0.0", 8000, "on")  # noqa: S104
    assert settings.drain_seconds == 10
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    for path in (settings.cache, settings.tokens.parent, settings.ledger_config.parent):
        assert str(path) in mounts
    assert settings.metrics_tokens
    assert settings.metrics_tokens.parent == settings.tokens.parent


@pytest.mark.parametrize("variant", ["dev", "dev-sqlite", "production", "database-in-vault"])
def test_the_tracking_server_reads_all_of_its_settings(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = pod(variant, "Deployment/fraud-tracking").containers[-1]
    environment = values(container)
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret)
    become(monkeypatch, environment | {"FRAUD_TRACKING_SECRETS": str(tmp_path)})

    settings = read_tracking_settings(TrackingSettings)

    named = {one for one in environment if one.startswith(("FRAUD_", "MLFLOW_", "POD_"))}
    assert named - known(TrackingSettings) == {"FRAUD_TRACKING_SECRETS"}
    assert settings.port == container["ports"][0]["containerPort"]
    hosts = allowed_hosts(settings).split(",")
    for client in ("fraud-tracking:5000", "fraud-tracking.fraud.svc:5000", "10.244.1.7:5000"):
        assert client in hosts
    assert ("mlflow.example.com" in hosts) != variant.startswith("dev")


@pytest.mark.parametrize(
    ("variant", "name", "files"),
    [
        ("dev", "Deployment/fraud-tracking", set()),
        ("production", "Job/fraud-migration", set()),
        ("database-in-vault", "Job/fraud-migration", {"MLFLOW_BACKEND_STORE_URI"}),
    ],
)
def test_the_migration_finds_its_database(
    variant: str,
    name: str,
    files: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    container = pod(variant, name).containers[0]
    environment = values(container)
    for file in files:
        (tmp_path / file).write_text(SECRETS[file])
    assert ("FRAUD_TRACKING_SECRETS" in environment) == bool(files)
    if files:
        environment["FRAUD_TRACKING_SECRETS"] = str(tmp_path)
    become(monkeypatch, environment)

    database = read_tracking_settings(DatabaseSettings).database.get_secret_value()

    assert container["args"] == ["migrate"]
    assert database.startswith("postgresql+psycopg2://")
