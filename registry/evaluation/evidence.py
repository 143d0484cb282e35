"""Evidence: an MLflow run with everything that was evaluated, listed in its `evidence.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from registry.errors import BytesMismatch, Refused, UsageError
from registry.evaluation.gates.gate import Verdict
from registry.ledger.files import MAX_MODEL_BYTES, Files
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.ledger.statement import (
    CandidateRef,
    EvidenceRef,
    PlanRef,
    PolicyRef,
    Sha256,
    format_time,
)
from registry.provenance.facts import FACT_NAMES, Fact, claimed_names
from registry.provenance.trusted import NOTHING
from registry.tracking.client import MlflowClient, download, server_errors
from registry.tracking.names import EVIDENCE_EXPERIMENT, EVIDENCE_FILE, MODEL_FOLDER

MAX_EVIDENCE_BYTES = MAX_MODEL_BYTES + 2**30
"""All files of an evidence run together: those of the model, and scores, rows and pictures."""


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
    """The content of `evidence.json`; `files` is every other file of the run, by sha256.

    `earlier_candidates` is how many other candidates were judged on these rows before, and
    `earlier_looks` how many other evaluations were made on them (`registry.lifecycle.earlier`).
    """

    candidate: CandidateRef
    authors: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    trusted: str = NOTHING
    """The sha256 of the evaluator's provenance.yaml, or `none`."""
    sealed_at: AwareDatetime | None = None
    """When the candidate's bytes were fixed, where a signature proves it."""
    compared_with: ComparedWith | None
    policy: PolicyRef
    rows: EvaluatedRows
    measurements: dict[str, Any]
    verdicts: tuple[Verdict, ...]
    evaluated_at: AwareDatetime
    earlier_candidates: int = 0
    earlier_looks: int = 0
    plan: PlanRef | None = None
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
        claimed = claimed_names(self.facts)
        if claimed == FACT_NAMES:
            words += "; its origin is only claimed"
        elif claimed:
            words += f"; claimed: {', '.join(claimed)}"
        return words

    @property
    def advisory(self) -> tuple[Verdict, ...]:
        """The failed verdicts of gates that are not required."""
        return tuple(
            verdict for verdict in self.verdicts if not verdict.passed and not verdict.required
        )


def past_sentences(evidence: Evidence) -> Iterator[str]:
    """What was planned and judged before, for people; nothing where nothing was."""
    if evidence.plan:
        yield (
            f"It was planned at {format_time(evidence.plan.approved_at)}, in entry "
            f"{evidence.plan.sequence} of the ledger."
        )
    if evidence.earlier_looks:
        candidates, looks = evidence.earlier_candidates, evidence.earlier_looks
        yield (
            f"These rows have judged {candidates} other candidate{'s' * (candidates != 1)} before, "
            f"in {looks} evaluation{'s' * (looks != 1)}; the comparison with Production allows for "
            "that."
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
    document = evidence.model_dump(mode="json")
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    content = text.encode()
    (folder / EVIDENCE_FILE).write_bytes(content)
    return sha256_of_bytes(content)


@dataclass(frozen=True)
class Fetched:
    """Evidence, and all files of its run, which were hashed again."""

    evidence: Evidence
    files: Files
    source: str
    """The artifact address of the model's files inside the evidence run."""
    started_at: datetime
    """When the evidence run was started, by the evaluator's clock."""


def fetch_evidence(client: MlflowClient, reference: EvidenceRef) -> Fetched:
    """Download an evidence run and hash it again.

    Raises BytesMismatch, naming the files, where anything differs from what was approved; Refused
    for a run outside the experiment where only the promoter may write; NotFound and Unreachable as
    the server answers.
    """
    run = download_run(
        client,
        reference,
        EVIDENCE_FILE,
        otherwise="is not the one that was approved; evaluate the candidate again and have that "
        "approved",
    )
    try:
        evidence = Evidence.model_validate_json(run.files[EVIDENCE_FILE])
    except ValidationError as error:
        raise BytesMismatch(f"{EVIDENCE_FILE} is not evidence of this version") from error
    present = {
        name: sha for name, sha in run.files.manifest.sha256.items() if name != EVIDENCE_FILE
    }
    Manifest(evidence.files).require(Manifest(present), f"evidence run {reference.run_id}")
    return Fetched(evidence, run.files, f"{run.address}/{MODEL_FOLDER}", run.started_at)


class DownloadedRun(NamedTuple):
    """A run of the evidence experiment: its files, their artifact address, and when it started."""

    files: Files
    address: str
    started_at: datetime


def download_run(
    client: MlflowClient, reference: EvidenceRef, name: str, *, otherwise: str
) -> DownloadedRun:
    """Download the files of an evidence run, of which the file `name` has the reference's digest.

    The other files are unverified. Raises what `fetch_evidence` raises; `otherwise` says of a
    file with another digest what it is and what to do.
    """
    with server_errors(f"reading evidence run {reference.run_id}"):
        run = client.get_run(reference.run_id).info
        experiment = client.get_experiment(run.experiment_id).name
    if experiment != EVIDENCE_EXPERIMENT:
        raise Refused(
            f"run {reference.run_id} is in the experiment {experiment!r}; evidence counts only in "
            f"{EVIDENCE_EXPERIMENT}, where `registry evaluate` keeps it"
        )
    files = download(client, run.artifact_uri, MAX_EVIDENCE_BYTES)
    if files.manifest.sha256.get(name) != reference.sha256:
        raise BytesMismatch(f"{name} of run {reference.run_id} {otherwise}")
    started_at = datetime.fromtimestamp(run.start_time / 1000, UTC)
    return DownloadedRun(files, run.artifact_uri, started_at)
