"""Ledgers of any length: signed entries in memory, and in the database of a tracking server."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.processes import free_port, mlflow_server
from registry.ledger.chain import Version
from registry.ledger.signing import CryptoSigner
from registry.ledger.statement import (
    CandidateRef,
    Checkpoint,
    Entry,
    EvidenceRef,
    PolicyRef,
    Statement,
    sign,
)
from registry.ledger.trust import Trust, trusted_key
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from registry.tracking.rest import Registry

SIGNER = CryptoSigner.generate_ecdsa()
TRUST = Trust(ledger_id="benchmark", keys=(trusted_key(SIGNER.public_key),))
FILES = ("MLmodel", "model.onnx", "conda.yaml", "python_env.yaml", "requirements.txt")


def entries(count: int, *, rollbacks: bool = False) -> Iterator[Version]:
    """Entries of about 3.1 kB as MLflow lists them: promotions, each of a model of its own.

    With `rollbacks`, every third is a rollback to the model of the entry before it.
    """
    supersedes: str | None = None
    statement: Statement | None = None
    for sequence in range(1, count + 1):
        back = rollbacks and statement is not None and sequence % 3 == 0
        named = sequence - 1 if back else sequence
        run = _digest("run", named)[:32]
        statement = Statement(
            files={name: _digest(name, named) for name in FILES},
            entry=Entry(
                ledger_id=TRUST.ledger_id,
                sequence=sequence,
                supersedes=supersedes,
                action="rollback" if back else "promote",
                source=f"mlflow-artifacts:/2/{run}/artifacts/model",
                candidate=CandidateRef(version=named, run_id=_digest("candidate", named)[:32]),
                evidence=EvidenceRef(run_id=run, sha256=_digest("evidence", named)),
                policy=PolicyRef(name="default", sha256=_digest("policy", 0)),
                verdict="20 of 20 checks passed; its origin is only claimed; not required: a "
                "verified origin",
                approver="github:alice",
                approved_at=datetime(2026, 5, 4, tzinfo=UTC),
                comment="fewer false alerts at the same budget",
                url="https://github.com/example/fraud/actions/runs/1234567890",
                checkpoint=Checkpoint(
                    version=sequence - 1,
                    frozen=False,
                    keys={SIGNER.public_key.keyid: (1, sequence - 1)},
                )
                if sequence > 1
                else None,
            ),
        )
        supersedes = statement.digest
        yield Version(sequence, statement.entry.source, sign(statement, SIGNER))


def _digest(what: str, number: int) -> str:
    return hashlib.sha256(f"{what} {number}".encode()).hexdigest()


@dataclass(frozen=True)
class InMemory:
    """What a `Watch` asks of a registry, without a server."""

    listed: list[Version]

    def versions(self, first: int = 1) -> Iterator[Version]:
        return iter(self.listed[first - 1 :])


@contextmanager
def served(count: int) -> Iterator[Registry]:
    """A tracking server whose ledger has so many entries, written into its database."""
    with tempfile.TemporaryDirectory() as name, mlflow_server(Path(name), free_port()) as uri:
        with closing(sqlite3.connect(Path(name) / "mlflow.db")) as database, database:
            database.execute("INSERT INTO registered_models (name) VALUES (?)", (PRODUCTION,))
            for version in entries(count):
                database.execute(
                    "INSERT INTO model_versions (name, version, creation_time, last_updated_time, "
                    "current_stage, source, run_id, status, description) "
                    "VALUES (?, ?, 0, 0, 'None', ?, ?, 'READY', ?)",
                    (
                        PRODUCTION,
                        version.number,
                        version.source,
                        version.source.split("/")[2],
                        "promote by github:alice: fewer false alerts at the same budget",
                    ),
                )
                database.execute(
                    "INSERT INTO model_version_tags (name, version, key, value) "
                    "VALUES (?, ?, ?, ?)",
                    (PRODUCTION, version.number, STATEMENT_TAG, version.envelope),
                )
        yield Registry(uri)
