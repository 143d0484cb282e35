"""What is restored is verified; a problem with looking is not called a bad ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.tracking.settings import TrackingSettings
from deploy.tracking.verify import verify_restored
from registry.errors import RegistryError, VerificationError
from tests.deploy.tracking.migrated import migrated_database
from tests.deploy.tracking.server_secrets import SERVER_SECRETS


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrackingSettings:
    for name, value in {
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(tmp_path / "artifacts"),
        **SERVER_SECRETS,
        "FRAUD_LEDGER_CONFIG": str(tmp_path / "no-ledger.yaml"),
    }.items():
        monkeypatch.setenv(name, value)
    return TrackingSettings()


def test_a_server_that_does_not_start_is_named_with_its_last_line(
    settings: TrackingSettings,
) -> None:
    with pytest.raises(RegistryError, match=r"no server starts on it: .*deploy\.tracking migrate"):
        verify_restored(settings)


def test_a_ledger_that_cannot_be_looked_at_is_not_called_bad(
    settings: TrackingSettings, tmp_path: Path
) -> None:
    migrated_database(tmp_path)

    with pytest.raises(RegistryError, match="the ledger could not be verified") as refusal:
        verify_restored(settings)

    assert not isinstance(refusal.value, VerificationError)
