"""Where a candidate comes from: its run's files and tags, and what verifies them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from registry.errors import RegistryError
from registry.evaluation.evidence import Evidence
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.ledger.manifest import sha256_of_bytes
from registry.model.contract import read_contract
from registry.model.scorer import MLMODEL_FILE
from registry.provenance.attestation import MAX_BYTES
from registry.provenance.collect import Claims, collect
from registry.provenance.facts import UNKNOWN, Provenance
from registry.provenance.trusted import Trusted
from registry.tracking.client import MlflowClient, ModelVersion, Run, download_file, server_errors
from registry.tracking.names import ATTESTATION_FILE, ENVIRONMENT_FILE, EVIDENCE_FILE, MODEL_FOLDER

MAX_EVIDENCE_FILE_BYTES = 2**26
"""Size of `evidence.json`: measurements of every gate, slices included."""


@dataclass(frozen=True)
class Origin:
    """What is known of a candidate's origin, and the files that it was read from, by name."""

    provenance: Provenance
    files: dict[str, bytes]


def origin_of(
    client: MlflowClient, version: ModelVersion, run: Run, model: Files, trusted: Trusted
) -> Origin:
    """All facts about a candidate with the files `model`.

    Raises BytesMismatch for a file of the run that is too large, ContractError and Unreachable.
    """
    files = _files_of(client, run, (ATTESTATION_FILE, ENVIRONMENT_FILE))
    claims = Claims(
        files=model.manifest,
        window=read_contract(model.get(MLMODEL_FILE, b"")).training_window,
        tags=dict(run.data.tags),
        attestation=files.get(ATTESTATION_FILE),
        environment=files.get(ENVIRONMENT_FILE),
        registered_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
    )
    return Origin(collect(claims, trusted, os.environ), files)


def _files_of(client: MlflowClient, run: Run, names: tuple[str, ...]) -> dict[str, bytes]:
    """The files of the run with these names that it has."""
    with server_errors(f"listing the files of run {run.info.run_id}"):
        listed = {each.path for each in client.list_artifacts(run.info.run_id)}
    return {
        name: download_file(client, f"{run.info.artifact_uri}/{name}", MAX_BYTES)
        for name in names
        if name in listed
    }


def origin_of_entry(client: MlflowClient, link: Link) -> Provenance:
    """What was known of the model of an entry when it was promoted; nothing where it is lost."""
    entry = link.statement.entry
    address = f"{entry.source.removesuffix(MODEL_FOLDER)}{EVIDENCE_FILE}"
    try:
        content = download_file(client, address, MAX_EVIDENCE_FILE_BYTES)
        if sha256_of_bytes(content) != entry.evidence.sha256:
            return UNKNOWN
        evidence = Evidence.model_validate_json(content)
    except (RegistryError, ValidationError):
        return UNKNOWN
    return Provenance(evidence.facts, evidence.authors, evidence.sealed_at)
