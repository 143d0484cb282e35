"""Evaluate: score candidate and head on the same rows, run the gates, upload the evidence."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry.errors import ContractError, NotFound
from registry.evaluation.evidence import (
    ComparedWith,
    EvaluatedRows,
    Evidence,
    write_evidence,
)
from registry.evaluation.gates.gate import ScoredModel, Trial
from registry.evaluation.policy import Policy, read_policy
from registry.evaluation.rows import LABEL, TIME, EvaluationRows, read_rows
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest, sha256_of
from registry.ledger.statement import CandidateRef, EvidenceRef, PolicyRef
from registry.ledger.trust import Trust
from registry.model.scorer import open_model
from registry.progress import step
from registry.report import write
from registry.temporary import temporary_folder
from registry.tracking.candidates import candidate, download_candidate
from registry.tracking.client import (
    MlflowClient,
    MlflowException,
    ModelVersion,
    download,
    read_ledger,
    server_errors,
    suppress_exists,
)
from registry.tracking.fetch import fetch_verified
from registry.tracking.names import (
    AUTHORS_TAG,
    CANDIDATE_RUN_TAG,
    CANDIDATE_TAG,
    CANDIDATES,
    COMPARED_WITH_TAG,
    EVIDENCE_EXPERIMENT,
    FILES_TAG,
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
from registry.tracking.rest import Registry


def evaluate(
    client: MlflowClient,
    trust: Trust,
    which: str,
    rows_path: Path,
    policy_path: Path,
    report_folder: Path | None = None,
) -> tuple[EvidenceRef, Evidence]:
    """Evaluate candidate `which` on the rows under the policy; return the reference to approve.

    The gates run on exactly the files that the evidence run then holds, and that `promote` puts in
    force. The evidence run holds the report too, and `report_folder` gets a copy of it. Raises
    UsageError or NotFound for invalid input, VerificationError if the ledger or the head's files
    cannot be trusted, and Unreachable. In all these cases no evidence is left to approve.
    """
    policy = read_policy(policy_path)
    rows = read_rows(rows_path)
    version = candidate(client, which)
    ledger = read_ledger(client, trust)
    with temporary_folder("evaluate-") as temporary:
        folder = temporary / "evidence"
        trial = _trial(client, version, ledger.head, rows, policy, folder, policy_path)
        measurements: dict[str, Any] = {}
        for gate in policy.gates.values():
            with step(f"{gate.name}: {gate}"):
                measurements[gate.name] = gate.measure(trial).model_dump(mode="json")
        evidence = Evidence(
            candidate=CandidateRef(version=int(version.version), run_id=str(version.run_id)),
            authors=tuple(trial.run_tags.get(AUTHORS_TAG, "").split()),
            compared_with=_compared_with(ledger.head),
            policy=PolicyRef(name=policy.name, sha256=sha256_of(folder / POLICY_FILE)),
            rows=_summary(rows),
            measurements=measurements,
            verdicts=policy.verdicts(measurements),
            evaluated_at=datetime.now(UTC).replace(microsecond=0),
            files={},
        )
        with step("drawing plots and writing the report"):
            _write_scores(folder, trial)
            write.write(folder, evidence, trial)
            if report_folder is not None:
                write.copy(folder, report_folder)
        evidence = evidence.model_copy(update={"files": dict(Manifest.of(folder).sha256)})
        digest = write_evidence(folder, evidence)
        with step("uploading the evidence"):
            run_id = _upload(client, folder, evidence)
    return EvidenceRef(run_id=run_id, sha256=digest), evidence


def _trial(
    client: MlflowClient,
    version: ModelVersion,
    head: Link | None,
    rows: EvaluationRows,
    policy: Policy,
    folder: Path,
    policy_path: Path,
) -> Trial:
    """Fetch the candidate into the evidence folder, and Production beside it; score both."""
    with server_errors(f"reading the run of candidate {version.version}"):
        run = client.get_run(str(version.run_id))
    with step(f"downloading candidate {version.version}"):
        folder.mkdir()
        downloaded = download_candidate(client, version, folder.parent / "candidate")
        shutil.move(downloaded, folder / MODEL_FOLDER)
        shutil.copyfile(policy_path, folder / POLICY_FILE)
        address = f"{run.info.artifact_uri}/{PARITY_FILE}"
        (folder / PARITY_FILE).parent.mkdir()
        shutil.move(download(client, address, folder.parent / "parity"), folder / PARITY_FILE)
    production_folder: Path | None = None
    if head is not None:
        with step(f"fetching Production (ledger version {head.version})"):
            registry = Registry(client.tracking_uri)
            production_folder = fetch_verified(registry, head, folder.parent / "production")
    with step(f"scoring {len(rows.labelled.labels):,} transactions"):
        candidate = _scored("candidate", folder / MODEL_FOLDER, rows)
        production = _scored("Production", production_folder, rows) if production_folder else None
    return Trial(
        rows=rows,
        costs=policy.costs,
        candidate=candidate,
        production=production,
        parity=folder / PARITY_FILE,
        run_status=str(run.info.status),
        run_tags=dict(run.data.tags),
        registered_sha256=version.tags.get(FILES_TAG),
    )


def _scored(name: str, folder: Path, rows: EvaluationRows) -> ScoredModel:
    scorer = open_model(folder)
    scores = scorer.score(rows.encoded(scorer.contract))
    wrong = int((~((scores >= 0) & (scores <= 1))).sum())
    if wrong or len(scores) != len(rows.labelled.labels):
        raise ContractError(
            f"the {name} model gives no probability for {wrong or 'some'} of the "
            f"{len(rows.labelled.labels)} rows; is an input missing that the model cannot handle?"
        )
    return ScoredModel(folder, scorer, scores)


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


def _write_scores(folder: Path, trial: Trial) -> None:
    """Write the scores of every row, from which each verdict can be recomputed."""
    table = trial.rows.columns[[TIME, LABEL]].assign(candidate=trial.candidate.scores)
    if trial.production is not None:
        table = table.assign(production=trial.production.scores)
    table.to_parquet(folder / SCORES_FILE, index=False)


def _upload(client: MlflowClient, folder: Path, evidence: Evidence) -> str:
    """Upload the folder to a new run, which is FINISHED only once everything is there."""
    head = evidence.compared_with
    with server_errors("uploading the evidence (evaluate again once the server works)"):
        run = client.create_run(
            _experiment(client),
            run_name=f"candidate-{evidence.candidate.version}",
            tags={
                CANDIDATE_TAG: f"{CANDIDATES}/{evidence.candidate.version}",
                CANDIDATE_RUN_TAG: evidence.candidate.run_id,
                POLICY_TAG: evidence.policy.name,
                VERDICT_TAG: REFUSED if evidence.blocking else PASSED,
                COMPARED_WITH_TAG: head.statement if head else NOTHING,
            },
        )
        run_id = str(run.info.run_id)
        try:
            client.log_artifacts(run_id, str(folder))
            for verdict in evidence.verdicts:
                client.log_metric(run_id, verdict.gate, verdict.measured)
                client.log_metric(run_id, f"{verdict.gate}.passed", float(verdict.passed))
        except BaseException:
            with suppress(MlflowException):  # of the two, the first failure says what to do
                client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return run_id


def _experiment(client: MlflowClient) -> str:
    """The id of the evidence experiment, which the first evaluation creates."""
    with suppress_exists():
        return str(client.create_experiment(EVIDENCE_EXPERIMENT))
    experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    if experiment is None:
        raise NotFound(f"experiment {EVIDENCE_EXPERIMENT} was deleted; restore it in MLflow")
    return str(experiment.experiment_id)
