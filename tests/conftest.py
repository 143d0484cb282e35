"""Fixtures that start the real things once, and leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient
from securesystemslib.signer import Signer

from deploy.local.processes import free_port, mlflow_server
from registry.errors import NotFound
from registry.evaluation.evidence import Evidence
from registry.ledger.chain import Ledger, Link
from registry.ledger.trust import Trust, create_ledger, open_signer
from registry.lifecycle import evaluate, promote
from registry.lifecycle.approval import Approval
from registry.tracking.client import connect, read_ledger, server_errors
from registry.tracking.names import CANDIDATES, PRODUCTION
from tests.candidates import register_candidate, write_evaluation_rows

REPOSITORY = Path(__file__).resolve().parents[1]
POLICY = REPOSITORY / "tests" / "policy.yaml"


@dataclass(frozen=True)
class Server:
    """A real tracking server, and the folder that its files lie in."""

    uri: str
    folder: Path

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def stored(self, address: str) -> Path:
        """Where the files behind an `mlflow-artifacts:/…` address lie on the server's disk."""
        return self.artifacts / address.removeprefix("mlflow-artifacts:/")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mlflow")
    with mlflow_server(folder, free_port()) as uri:
        yield Server(uri, folder)


@dataclass(frozen=True)
class World:
    """One test's own ledger on the shared server, with short ways to do the usual things."""

    server: Server
    client: MlflowClient
    trust: Trust
    signer: Signer
    config: Path
    key: Path
    rows: Path

    def register(self, quality: float = 1.0, **arguments: float) -> int:
        return register_candidate(self.client, quality=quality, **arguments)  # type: ignore[arg-type]

    def evaluate(self, candidate: int, policy: Path = POLICY) -> tuple[str, Evidence]:
        reference, evidence = evaluate.evaluate(
            self.client, self.trust, str(candidate), self.rows, policy
        )
        return str(reference), evidence

    def promote(self, reference: str, comment: str = "better", policy: Path = POLICY) -> Link:
        link, _ = promote.promote(
            self.client,
            self.trust,
            self.signer,
            reference,
            (Approval("github:alice", comment),),
            policy,
        )
        return link

    def put_in_production(self, quality: float = 1.0, **arguments: float) -> Link:
        """Register, evaluate and promote a candidate."""
        reference, _ = self.evaluate(self.register(quality, **arguments))
        return self.promote(reference)

    @property
    def ledger(self) -> Ledger:
        return read_ledger(self.client, self.trust)

    @property
    def environment(self) -> dict[str, str]:
        """What the command line and the service read."""
        return {
            "MLFLOW_TRACKING_URI": self.server.uri,
            "FRAUD_LEDGER_CONFIG": str(self.config),
            "FRAUD_SIGNING_KEY": f"file2:{self.key}",
            "FRAUD_POLICY": str(POLICY),
        }


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[World]:
    """An empty ledger; the registered models are deleted afterwards, so numbers start at 1."""
    client = connect(server.uri)
    config, key = tmp_path / "ledger.yaml", tmp_path / "signing-key.pem"
    trust = create_ledger(config, key)
    rows = write_evaluation_rows(tmp_path / "rows.parquet")
    yield World(server, client, trust, open_signer(f"file2:{key}", trust), config, key, rows)
    for name in (CANDIDATES, PRODUCTION):
        with suppress(NotFound), server_errors("tidying up"):
            client.delete_registered_model(name)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no tracking server, ledger or key that happens to be configured here."""
    for name in list(os.environ):
        if name.startswith(("FRAUD_", "OTEL_")) or name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
            monkeypatch.delenv(name)


def _forget_experiment() -> None:
    for name in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def no_experiment_of_an_earlier_test() -> Iterator[None]:
    """`mlflow.set_experiment` leaves its choice in the environment, for subprocesses."""
    _forget_experiment()
    yield
    _forget_experiment()
