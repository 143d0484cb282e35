"""Settings come from variables or files of secrets; a wrong one is named, its value never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.tracking.settings import DatabaseSettings, TrackingSettings, read_settings
from registry.errors import UsageError

RIGHT = {
    "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg2://mlflow@db:5432/mlflow",
    "MLFLOW_ARTIFACTS_DESTINATION": "wasbs://mlflow@bank.blob.core.windows.net",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "k" * 32,
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "A" * 43 + "=",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "p" * 12,
}


@pytest.fixture(autouse=True)
def right(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)


def test_variables_are_read() -> None:
    settings = read_settings(TrackingSettings)

    assert settings.database.get_secret_value() == RIGHT["MLFLOW_BACKEND_STORE_URI"]
    assert settings.artifacts == "wasbs://mlflow@bank.blob.core.windows.net"
    assert (settings.admin, settings.host, settings.port) == ("admin", "127.0.0.1", 5000)


def test_a_file_of_secrets_stands_for_a_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_AUTH_ADMIN_PASSWORD")
    monkeypatch.setenv("FRAUD_TRACKING_SECRETS", str(tmp_path))
    (tmp_path / "MLFLOW_AUTH_ADMIN_PASSWORD").write_text("from the file\n")

    settings = read_settings(TrackingSettings)

    assert settings.admin_password.get_secret_value() == "from the file"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MLFLOW_BACKEND_STORE_URI", "mysql://secret@db", "must be such as postgresql"),
        ("MLFLOW_BACKEND_STORE_URI", "secret", "must be such as postgresql"),
        ("MLFLOW_ARTIFACTS_DESTINATION", "s3://secret", "must be such as wasbs"),
        ("MLFLOW_FLASK_SERVER_SECRET_KEY", "secret", "at least 32 characters"),
        ("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", "secret", "as Fernet.generate_key() makes"),
        ("MLFLOW_AUTH_ADMIN_PASSWORD", "secret", "at least 12 characters"),
        ("MLFLOW_AUTH_ADMIN_PASSWORD", "", "at least 12 characters"),
        ("FRAUD_TRACKING_HOSTS", "good.example,*.example", "is no host name"),
        ("MLFLOW_PORT", "0", "greater than or equal to 1"),
        ("FRAUD_TRACKING_SECRETS", "/no/such/folder", "is not a folder"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(UsageError) as raised:
        read_settings(TrackingSettings)

    assert str(raised.value).startswith(f"{name}: ")
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_FLASK_SERVER_SECRET_KEY")

    with pytest.raises(UsageError, match=r"^MLFLOW_FLASK_SERVER_SECRET_KEY: Field required$"):
        read_settings(TrackingSettings)


def test_a_migration_needs_the_database_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RIGHT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "sqlite:///mlflow.db")

    assert read_settings(DatabaseSettings).database.get_secret_value() == "sqlite:///mlflow.db"
