"""Evaluate: score candidate and head on the same rows, run the gates, upload the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry.evaluation.evidence import (
    ComparedWith,
    EvaluatedRows,
    Evidence,
    write_evidence,
)
from registry.evaluation.gates.gate import Trial
from registry.evaluation.policy import parse_policy, policy_bytes
from registry.evaluation.rows import LABEL, TIME, EvaluationRows, read_rows
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.ledger.statement import CandidateRef, EvidenceRef, PolicyRef
from registry.ledger.trust import Trust
from registry.lifecycle import trial as trials
from registry.lifecycle.earlier import tags_of
from registry.lifecycle.past import past_of
from registry.lifecycle.upload import upload
from registry.progress import step
from registry.provenance.trusted import NOTHING_TRUSTED, Trusted
from registry.report import write
from registry.temporary import temporary_folder
from registry.tracking.candidates import candidate
from registry.tracking.client import MlflowClient, read_ledger
from registry.tracking.names import (
    CANDIDATE_RUN_TAG,
    CANDIDATE_TAG,
    CANDIDATES,
    COMPARED_WITH_TAG,
    EVIDENCE_FILE,
    MODEL_FOLDER,
    NOTHING,
    PARITY_FILE,
    PASSED,
    POLICY_FILE,
    POLICY_TAG,
    REFUSED,
    SCORES_FILE,
    VERDICT_TAG,
)


def evaluate(
    client: MlflowClient,
    trust: Trust,
    which: str,
    rows_path: Path,
    policy_path: Path,
    report_folder: Path | None = None,
    trusted: Trusted = NOTHING_TRUSTED,
) -> tuple[EvidenceRef, Evidence]:
    """Evaluate candidate `which` on the rows under the policy; return the reference to approve.

    The gates run on exactly the files that the evidence run then holds, and that `promote` puts in
    force. The evidence run holds the report too, and `report_folder` gets a copy of it. `trusted`
    says what verifies where the candidate comes from.

    Raises UsageError or NotFound for invalid input, VerificationError if the ledger or the head's
    files cannot be trusted, Refused if the candidate's files may not be run or running them exceeds
    the policy's limits, and Unreachable. In all these cases no evidence is left to approve.
    """
    policy_content = policy_bytes(policy_path)
    policy = parse_policy(policy_content, policy_path.name)
    rows = read_rows(rows_path)
    version = candidate(client, which)
    ledger = read_ledger(client, trust)
    fetched = trials.fetch(client, version, policy, trusted)
    summary = _summary(rows)
    policy_ref = PolicyRef(name=policy.name, sha256=sha256_of_bytes(policy_content))
    with step("counting earlier looks at these rows"):
        past = past_of(client, ledger, fetched.files.manifest, policy_ref, summary)
    with ExitStack() as stack:
        trial = past.of(trials.score(client, fetched, ledger.head, rows, policy, stack))
        measurements: dict[str, Any] = {}
        for gate in policy.gates.values():
            with step(f"{gate.name}: {gate}"):
                measurements[gate.name] = gate.measure(trial).model_dump(mode="json")
    judged = _judged_files(trial, {**fetched.origin.files, POLICY_FILE: policy_content})
    evidence = Evidence(
        candidate=CandidateRef(version=int(version.version), run_id=str(version.run_id)),
        authors=trial.provenance.authors,
        facts=trial.provenance.facts,
        trusted=trusted.sha256,
        sealed_at=trial.provenance.sealed_at,
        compared_with=_compared_with(ledger.head),
        policy=policy_ref,
        rows=summary,
        measurements=measurements,
        verdicts=policy.verdicts(measurements),
        evaluated_at=datetime.now(UTC).replace(microsecond=0),
        earlier_candidates=past.looks.candidates,
        earlier_looks=past.looks.evaluations,
        plan=past.plan,
        files=dict(judged.manifest.sha256),
    )
    with temporary_folder("evaluate-") as temporary:
        folder = temporary / "evidence"
        judged.write(folder)
        with step("drawing plots and writing the report"):
            report_files = write.write(folder, evidence, trial, policy)
            if report_folder is not None:
                write.copy(folder, report_folder)
        evidence = evidence.model_copy(update={"files": {**evidence.files, **report_files}})
        digest = write_evidence(folder, evidence)
        with step("uploading the evidence"):
            run_id = _upload(client, folder, evidence, digest)
    return EvidenceRef(run_id=run_id, sha256=digest), evidence


def _compared_with(head: Link | None) -> ComparedWith | None:
    if head is None:
        return None
    return ComparedWith(version=head.version, statement=head.statement.digest)


def _summary(rows: EvaluationRows) -> EvaluatedRows:
    return EvaluatedRows(
        sha256=rows.sha256,
        origin=dict(rows.origin),
        count=len(rows.labelled.labels),
        frauds=int(rows.labelled.labels.sum()),
        start=rows.start,
        end=rows.end,
    )


def _judged_files(trial: Trial, others: Mapping[str, bytes]) -> Files:
    """The files of the evidence but for its report: as they were judged, not as they are on disk.

    With the scores of every row, from which each verdict can be recomputed.
    """
    table = trial.rows.columns[[TIME, LABEL]].assign(candidate=trial.candidate.scores)
    if trial.production is not None:
        table = table.assign(production=trial.production.scores)
    return Files(
        {
            **{
                f"{MODEL_FOLDER}/{name}": content for name, content in trial.candidate.files.items()
            },
            **others,
            PARITY_FILE: trial.parity,
            SCORES_FILE: table.to_parquet(index=False),
        }
    )


def _upload(client: MlflowClient, folder: Path, evidence: Evidence, digest: str) -> str:
    """Raises BytesMismatch where the folder holds anything but what the evidence names, by then."""
    head = evidence.compared_with
    tags = {
        CANDIDATE_TAG: f"{CANDIDATES}/{evidence.candidate.version}",
        CANDIDATE_RUN_TAG: evidence.candidate.run_id,
        POLICY_TAG: evidence.policy.name,
        VERDICT_TAG: REFUSED if evidence.blocking else PASSED,
        COMPARED_WITH_TAG: head.statement if head else NOTHING,
        **tags_of(evidence),
    }
    metrics = {verdict.gate: verdict.measured for verdict in evidence.verdicts} | {
        f"{verdict.gate}.passed": float(verdict.passed) for verdict in evidence.verdicts
    }
    name = f"candidate-{evidence.candidate.version}"
    files = Manifest({**evidence.files, EVIDENCE_FILE: digest})
    return str(upload(client, folder, files, name, tags, metrics).run_id)
