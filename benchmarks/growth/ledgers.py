"""Ledgers of any length: signed entries in memory, and in the database of a tracking server."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.processes import free_port, mlflow_server
from registry.evaluation.evidence import EvaluatedRows, Evidence
from registry.ledger.chain import Version
from registry.ledger.manifest import sha256_of_bytes
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
from registry.tracking.names import (
    EVIDENCE_EXPERIMENT,
    EVIDENCE_FILE,
    MODEL_FOLDER,
    PRODUCTION,
    STATEMENT_TAG,
)
from registry.tracking.rest import Registry

SIGNER = CryptoSigner.generate_ecdsa()
TRUST = Trust(ledger_id="benchmark", keys=(trusted_key(SIGNER.public_key),))
FILES = ("MLmodel", "model.onnx", "conda.yaml", "python_env.yaml", "requirements.txt")
PLOTS = tuple(f"report/plot_{number}.png" for number in range(10))
MOMENT = datetime(2026, 5, 4, tzinfo=UTC)


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
            files=_digests(FILES, named),
            entry=Entry(
                ledger_id=TRUST.ledger_id,
                sequence=sequence,
                supersedes=supersedes,
                action="rollback" if back else "promote",
                source=f"mlflow-artifacts:/2/{run}/artifacts/model",
                candidate=_candidate(named),
                evidence=EvidenceRef(run_id=run, sha256=sha256_of_bytes(_evidence(named))),
                policy=POLICY,
                verdict="20 of 20 checks passed; its origin is only claimed; not required: a "
                "verified origin",
                approver="github:alice",
                approved_at=MOMENT,
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
    return sha256_of_bytes(_content(what, number))


def _content(name: str, number: int) -> bytes:
    return f"{name} {number}".encode()


def _digests(names: Iterable[str], number: int) -> dict[str, str]:
    return {name: _digest(name, number) for name in names}


POLICY = PolicyRef(name="default", sha256=_digest("policy", 0))


def _candidate(number: int) -> CandidateRef:
    return CandidateRef(version=number, run_id=_digest("candidate", number)[:32])


def _evidence(number: int) -> bytes:
    """The `evidence.json` of an entry's model: no gates, but the files of a report."""
    evidence = Evidence(
        candidate=_candidate(number),
        authors=("github:carol",),
        compared_with=None,
        policy=POLICY,
        rows=EvaluatedRows(
            sha256=_digest("rows", 0), origin={}, count=0, frauds=0, start=MOMENT, end=MOMENT
        ),
        measurements={},
        verdicts=(),
        evaluated_at=MOMENT,
        files={
            **{f"{MODEL_FOLDER}/{name}": _digest(name, number) for name in FILES},
            **_digests(PLOTS, number),
        },
    )
    return evidence.model_dump_json().encode()


def write_files(artifacts: Path, number: int) -> str:
    """Write the files of an entry's evidence run as a server stores them; return the run's id."""
    run = _digest("run", number)[:32]
    folder = artifacts / "2" / run / "artifacts"
    contents = {
        EVIDENCE_FILE: _evidence(number),
        **{f"{MODEL_FOLDER}/{name}": _content(name, number) for name in FILES},
        **{name: _content(name, number) for name in PLOTS},
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return run


@dataclass(frozen=True)
class InMemory:
    """What a `Watch` asks of a registry, without a server."""

    listed: list[Version]

    def versions(self, first: int = 1) -> Iterator[Version]:
        return iter(self.listed[first - 1 :])


@contextmanager
def served(count: int, *, files: bool = False) -> Iterator[Registry]:
    """A tracking server whose ledger has so many entries, written into its database.

    With `files`, it has the evidence run of each entry too.
    """
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
            if files:
                database.execute(
                    "INSERT INTO experiments (experiment_id, name, artifact_location, "
                    "lifecycle_stage) VALUES (2, ?, 'mlflow-artifacts:/2', 'active')",
                    (EVIDENCE_EXPERIMENT,),
                )
                for number in range(1, count + 1):
                    run = write_files(Path(name) / "artifacts", number)
                    database.execute(
                        "INSERT INTO runs (run_uuid, name, source_type, status, start_time, "
                        "end_time, lifecycle_stage, artifact_uri, experiment_id, user_id) VALUES "
                        "(?, '', 'LOCAL', 'FINISHED', 0, 0, 'active', ?, 2, '')",
                        (run, f"mlflow-artifacts:/2/{run}/artifacts"),
                    )
        yield Registry(uri)
