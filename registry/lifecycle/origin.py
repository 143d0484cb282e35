"""Where a candidate comes from: its run's files and tags, and what verifies them."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from registry.errors import RegistryError, UsageError
from registry.evaluation.evidence import Evidence
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.model.contract import read_contract
from registry.provenance.attestation import MAX_BYTES
from registry.provenance.collect import Claims, collect
from registry.provenance.facts import UNKNOWN, Provenance
from registry.provenance.trusted import Trusted
from registry.tracking.client import MlflowClient, ModelVersion, Run, download, server_errors
from registry.tracking.names import ATTESTATION_FILE, ENVIRONMENT_FILE, EVIDENCE_FILE, MODEL_FOLDER


def origin_of(
    client: MlflowClient, version: ModelVersion, run: Run, folder: Path, trusted: Trusted
) -> Provenance:
    """All facts about a candidate whose files are in `folder`; its signed files are put there too.

    Raises UsageError for a file of the run that is too large, Unreachable, and ContractError.
    """
    model = folder / MODEL_FOLDER
    return collect(
        Claims(
            files=Manifest.of(model),
            window=read_contract(model).training_window,
            tags=dict(run.data.tags),
            attestation=_file_of(client, run, ATTESTATION_FILE, folder),
            environment=_file_of(client, run, ENVIRONMENT_FILE, folder),
            registered_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        ),
        trusted,
        os.environ,
    )


def _file_of(client: MlflowClient, run: Run, name: str, folder: Path) -> bytes | None:
    """A small file of the run, which is copied into `folder`; None where the run has none."""
    with server_errors(f"listing the files of run {run.info.run_id}"):
        sizes = {each.path: each.file_size for each in client.list_artifacts(run.info.run_id)}
    if name not in sizes:
        return None
    if (sizes[name] or 0) > MAX_BYTES:
        raise UsageError(
            f"{name} of run {run.info.run_id} has more than {MAX_BYTES:,} bytes; train again"
        )
    with tempfile.TemporaryDirectory(prefix="origin-") as temporary:
        content = download(client, f"{run.info.artifact_uri}/{name}", Path(temporary)).read_bytes()
    (folder / name).write_bytes(content)
    return content


def origin_of_entry(client: MlflowClient, link: Link) -> Provenance:
    """What was known of the model of an entry when it was promoted; nothing where it is lost."""
    entry = link.statement.entry
    address = f"{entry.source.removesuffix(MODEL_FOLDER)}{EVIDENCE_FILE}"
    try:
        with tempfile.TemporaryDirectory(prefix="origin-") as temporary:
            content = download(client, address, Path(temporary)).read_bytes()
        if sha256_of_bytes(content) != entry.evidence.sha256:
            return UNKNOWN
        evidence = Evidence.model_validate_json(content)
    except (RegistryError, ValidationError):
        return UNKNOWN
    return Provenance(evidence.facts, evidence.authors, evidence.sealed_at)
