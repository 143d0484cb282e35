"""The server under attack, and what an attacker can do to it without a key."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote

import requests
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from securesystemslib.signer import Signer

from registry.evaluation.evidence import fetch_evidence, parse_reference
from registry.ledger.chain import Ledger
from registry.ledger.statement import Entry, Statement, sign
from registry.lifecycle.append import approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from tests.world import World

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
ALICE = Approval("github:alice", "as agreed")


@dataclass(frozen=True)
class Target:
    """A tracking server whose ledger holds A in version 1 and B in version 2, which is the head.

    The candidates A, B and C are the versions 1 to 3 of `fraud-detector`. C was evaluated against
    B, and its evidence is approved, but not promoted yet.
    """

    world: World
    pending: str
    """The reference to C's evidence, `RUN@sha256:…`."""

    @property
    def client(self) -> MlflowClient:
        return self.world.client

    @property
    def pending_folder(self) -> str:
        """The artifact address of C's evidence run."""
        return str(self.client.get_run(parse_reference(self.pending).run_id).info.artifact_uri)

    def version(self, number: int) -> ModelVersion:
        return self.client.get_model_version(PRODUCTION, str(number))

    def source(self, number: int) -> str:
        return str(self.version(number).source)

    def evidence_folder(self, number: int) -> str:
        return self.source(number).removesuffix("/model")

    def envelope(self, number: int) -> str:
        return str(self.version(number).tags[STATEMENT_TAG])

    def set_envelope(self, number: int, envelope: str) -> None:
        self.client.set_model_version_tag(PRODUCTION, str(number), STATEMENT_TAG, envelope)

    def delete(self, number: int) -> None:
        self.client.delete_model_version(PRODUCTION, str(number))

    def append(self, like: int, *, envelope: str | None, source: str | None = None) -> int:
        """Append a version by hand, with the run and the source of version `like`."""
        return self.insert(source or self.source(like), str(self.version(like).run_id), envelope)

    def insert(self, source: str, run_id: str, envelope: str | None) -> int:
        tags = {} if envelope is None else {STATEMENT_TAG: envelope}
        version = self.client.create_model_version(PRODUCTION, source, run_id, tags)
        return int(version.version)

    def insert_signed(self, statement: Statement, signer: Signer) -> int:
        """The last step of `promote`, without its checks."""
        entry = statement.entry
        return self.insert(entry.source, entry.evidence.run_id, sign(statement, signer))

    def address(self, folder: str, name: str) -> str:
        path = folder.removeprefix("mlflow-artifacts:/")
        return f"{self.world.server.uri}{PROXY}/{path}/{quote(name)}"

    def get(self, folder: str, name: str) -> bytes:
        response = requests.get(self.address(folder, name), timeout=20)
        response.raise_for_status()
        return response.content

    def put(self, folder: str, name: str, content: bytes) -> None:
        """Write a file through the server's artifact proxy."""
        requests.put(self.address(folder, name), content, timeout=20).raise_for_status()

    def remove(self, folder: str, name: str) -> None:
        requests.delete(self.address(folder, name), timeout=20).raise_for_status()

    def tag_by_rest(self, endpoint: str, **values: str) -> None:
        """Set a tag that MLflow's own Python client refuses to set."""
        address = f"{self.world.server.uri}/api/2.0/mlflow/{endpoint}/set-tag"
        requests.post(address, json=values, timeout=20).raise_for_status()

    def in_database(self, change: str, *values: object) -> None:
        with closing(sqlite3.connect(self.world.server.folder / "mlflow.db")) as database, database:
            assert database.execute(change, values).rowcount != 0

    def promotion_of_c(self, after: Ledger) -> Statement:
        """C's promotion by a promoter that read the ledger `after`."""
        reference = parse_reference(self.pending)
        fetched = fetch_evidence(self.client, reference)
        evidence = fetched.evidence
        entry = Entry(
            ledger_id=self.world.trust.ledger_id,
            action="promote",
            source=fetched.source,
            candidate=evidence.candidate,
            evidence=reference,
            policy=evidence.policy,
            verdict=evidence.summary,
            **next_place(after),
            **approval_fields(ALICE),
        )
        return Statement(files=evidence.model_files, entry=entry)
