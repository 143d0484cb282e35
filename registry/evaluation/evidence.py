"""Evidence: an MLflow run with everything that was evaluated, listed in its `evidence.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from registry.errors import BytesMismatch, Refused, UsageError
from registry.evaluation.gates.gate import Verdict
from registry.ledger.manifest import Manifest, sha256_of
from registry.ledger.statement import CandidateRef, EvidenceRef, PolicyRef, Sha256
from registry.temporary import temporary_folder
from registry.tracking.client import MlflowClient, download, server_errors
from registry.tracking.names import EVIDENCE_EXPERIMENT, EVIDENCE_FILE, MODEL_FOLDER


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComparedWith(_Value):
    """The head at the time of the evaluation: its ledger version and its statement's digest."""

    version: int
    statement: Sha256


class EvaluatedRows(_Value):
    """The evaluation rows: the sha256 of their file, where they come from, and what they hold."""

    sha256: Sha256
    origin: dict[str, str]
    count: int
    frauds: int
    start: AwareDatetime
    end: AwareDatetime


class Evidence(_Value):
    """The content of `evidence.json`; `files` is every other file of the run, by sha256."""

    candidate: CandidateRef
    authors: tuple[str, ...]
    compared_with: ComparedWith | None
    policy: PolicyRef
    rows: EvaluatedRows
    measurements: dict[str, Any]
    verdicts: tuple[Verdict, ...]
    evaluated_at: AwareDatetime
    files: dict[str, Sha256]

    @property
    def model_files(self) -> dict[str, str]:
        """The model's own files, by their path inside the model's folder."""
        prefix = MODEL_FOLDER + "/"
        return {
            name.removeprefix(prefix): digest
            for name, digest in self.files.items()
            if name.startswith(prefix)
        }

    @property
    def blocking(self) -> tuple[Verdict, ...]:
        """The failed verdicts of required gates; any of them prevents a promotion."""
        return tuple(verdict for verdict in self.verdicts if verdict.blocks)

    @property
    def summary(self) -> str:
        """All verdicts in a few words, for the ledger."""
        passed = sum(verdict.passed for verdict in self.verdicts)
        words = f"{passed} of {len(self.verdicts)} checks passed"
        if self.advisory:
            words += f"; advisory: {', '.join(verdict.gate for verdict in self.advisory)}"
        return words

    @property
    def advisory(self) -> tuple[Verdict, ...]:
        """The failed verdicts of gates that are not required."""
        return tuple(
            verdict for verdict in self.verdicts if not verdict.passed and not verdict.required
        )


def parse_reference(text: str) -> EvidenceRef:
    """`RUN@sha256:…`, as `evaluate` prints it. Raises UsageError for anything else."""
    match = re.fullmatch(r"([0-9a-zA-Z]+)@sha256:([0-9a-f]{64})", text.strip())
    if match is None:
        raise UsageError(
            f"{text!r} is not RUN@sha256:DIGEST; copy the line that `registry evaluate` printed"
        )
    return EvidenceRef(run_id=match[1], sha256=match[2])


def write_evidence(folder: Path, evidence: Evidence) -> str:
    """Write `evidence.json` into the folder of evidence; return its sha256."""
    path = folder / EVIDENCE_FILE
    document = evidence.model_dump(mode="json")
    path.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return sha256_of(path)


@dataclass(frozen=True)
class Fetched:
    """Evidence whose files were hashed again, and the local folder that holds them."""

    evidence: Evidence
    folder: Path
    source: str
    """The artifact address of the model's files inside the evidence run."""


@contextmanager
def fetched_evidence(client: MlflowClient, reference: EvidenceRef) -> Iterator[Fetched]:
    """Download an evidence run and hash it again.

    Raises BytesMismatch, naming the files, where anything differs from what was approved; Refused
    for a run outside the experiment where only the promoter may write; NotFound and Unreachable as
    the server answers.
    """
    with server_errors(f"reading evidence run {reference.run_id}"):
        run = client.get_run(reference.run_id).info
        experiment = client.get_experiment(run.experiment_id).name
    if experiment != EVIDENCE_EXPERIMENT:
        raise Refused(
            f"run {reference.run_id} is in the experiment {experiment!r}; evidence counts only in "
            f"{EVIDENCE_EXPERIMENT}, where `registry evaluate` keeps it"
        )
    address = run.artifact_uri
    with temporary_folder("evidence-") as temporary:
        folder = download(client, address, temporary / "run")
        path = folder / EVIDENCE_FILE
        if not path.is_file() or sha256_of(path) != reference.sha256:
            raise BytesMismatch(
                f"{EVIDENCE_FILE} of run {reference.run_id} is not the one that was approved; "
                "evaluate the candidate again and have that approved"
            )
        try:
            evidence = Evidence.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise BytesMismatch(f"{EVIDENCE_FILE} is not evidence of this version") from error
        files = dict(Manifest.of(folder).sha256)
        del files[EVIDENCE_FILE]
        Manifest(evidence.files).require(Manifest(files), f"evidence run {reference.run_id}")
        yield Fetched(evidence, folder, f"{address}/{MODEL_FOLDER}")
