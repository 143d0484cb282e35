"""A ledger entry that nobody signed, for a model that is measured without a ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from registry.ledger.chain import Link
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.statement import CandidateRef, Entry, EvidenceRef, PolicyRef, Statement
from registry.model.scorer import MODEL_FILE


def unsigned_link(model: bytes, version: int = 1) -> Link:
    """The entry of an ONNX file."""
    entry = Entry(
        ledger_id="benchmark",
        sequence=version,
        supersedes=None,
        action="promote",
        source="mlflow-artifacts:/1/model",
        candidate=CandidateRef(version=version, run_id="run"),
        evidence=EvidenceRef(run_id="run", sha256="0" * 64),
        policy=PolicyRef(name="benchmark", sha256="0" * 64),
        verdict="passed",
        approver="github:alice",
        approved_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    return Link(version, Statement(files={MODEL_FILE: sha256_of_bytes(model)}, entry=entry))
