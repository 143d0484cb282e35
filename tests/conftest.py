"""Fixtures for all tests: a real tracking server, started once, and a clean environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deploy.local.azure import LocalAzure
from deploy.local.processes import free_port, mlflow_server
from tests.azurite import azurite, log_in
from tests.world import Server, World, lasting, new_world

# Slowness on a busy machine is not a failure.
settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


HIDDEN = ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "KUBERNETES_SERVICE_HOST")
"""CI may itself run in a pod, which names nobody who started a training."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mlflow")
    with mlflow_server(folder, free_port()) as uri:
        yield Server(uri, folder)


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[World]:
    """An empty ledger."""
    with lasting(new_world(server, tmp_path)) as made:
        yield made


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A storage account, started once."""
    with azurite(tmp_path_factory.mktemp("storage")) as started:
        yield started


@pytest.fixture
def blobs(storage: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new container, within reach of the identity of this process."""
    log_in(storage, monkeypatch)
    name = f"test-{secrets.token_hex(8)}"
    storage.create_containers([name])
    return storage.address(name)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the tracking server, ledger and key that are configured on this machine."""
    for name in list(os.environ):
        if name.startswith(("FRAUD_", "OTEL_")) or name in HIDDEN:
            monkeypatch.delenv(name)
    # Those that `registry init` and the demo leave in a checkout would be found without a setting.
    monkeypatch.setenv("FRAUD_PROVENANCE", os.devnull)
    monkeypatch.setenv("FRAUD_TRAINING_KEY", "")


def _forget_experiment() -> None:
    for name in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def no_experiment_of_an_earlier_test() -> Iterator[None]:
    """`mlflow.set_experiment` sets an environment variable, for subprocesses."""
    _forget_experiment()
    yield
    _forget_experiment()
