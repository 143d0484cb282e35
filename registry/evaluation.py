"""Evaluate: judge a candidate and the head on the same rows, and leave the evidence."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from numpy.typing import NDArray

from registry import statement
from registry.candidates import candidate, fetch_candidate
from registry.errors import ContractError, NotFound, UsageError
from registry.evidence import (
    MODEL_FOLDER,
    PARITY_FILE,
    POLICY_FILE,
    SCORES_FILE,
    ComparedWith,
    Evidence,
    Rows,
    write_evidence,
)
from registry.files import Manifest, sha256_of
from registry.gates import Measurements, contract_breaks, judge
from registry.ledger import Link
from registry.metrics import Detection, detection
from registry.pictures import precision_recall
from registry.policy import Policy, read_policy
from registry.progress import step
from registry.reader import fetch_verified
from registry.rows import LABEL, TIME, EvaluationRows, encode_frame, read_rows
from registry.scorer import Scorer, open_model
from registry.store import (
    CANDIDATES,
    EVIDENCE_EXPERIMENT,
    download,
    read_ledger,
    server_errors,
    suppress_exists,
)
from registry.trust import Trust

Scores = NDArray[np.float32]


def evaluate(
    client: MlflowClient, trust: Trust, which: str, rows_path: Path, policy_path: Path
) -> tuple[statement.Evidence, Evidence]:
    """Judge candidate `which` on the rows under the policy; return the reference to approve.

    The gates run on the files that the evidence run then holds, and that `promote` puts in force.
    Raises UsageError or NotFound for bad input, VerificationError where the ledger or the head's
    files cannot be trusted, Unreachable; then no evidence is left that could be approved.
    """
    policy = read_policy(policy_path)
    rows = read_rows(rows_path)
    version = candidate(client, which)
    head = read_ledger(client, trust).head
    with tempfile.TemporaryDirectory(prefix="evaluate-") as temporary:
        work = Path(temporary)
        folder = work / "evidence"
        with step(f"fetching candidate {version.version}"):
            _collect(client, version, folder, policy_path)
        scorer = open_model(folder / MODEL_FOLDER)
        production: Scorer | None = None
        if head is not None:
            with step(f"fetching Production (ledger version {head.version})"):
                production = open_model(fetch_verified(client, head, work / "production"))
        with step(f"scoring {len(rows.labels):,} transactions and judging"):
            measured, scores = _measure(scorer, production, rows, policy, folder)
            _draw(folder, rows, scores)
        evidence = Evidence(
            candidate=statement.Candidate(version=int(version.version), run_id=str(version.run_id)),
            compared_with=_compared(head),
            policy=statement.Policy(name=policy.name, sha256=sha256_of(folder / POLICY_FILE)),
            rows=Rows(
                sha256=rows.sha256,
                origin=dict(rows.origin),
                count=len(rows.labels),
                frauds=int(rows.labels.sum()),
                start=rows.start,
                end=rows.end,
            ),
            measurements=measured,
            verdicts=judge(measured, policy),
            evaluated_at=datetime.now(UTC).replace(microsecond=0),
            files=dict(Manifest.of(folder).sha256),
        )
        digest = write_evidence(folder, evidence)
        with step("keeping the evidence"):
            run_id = _keep(client, folder, evidence)
    return statement.Evidence(run_id=run_id, sha256=digest), evidence


def _compared(head: Link | None) -> ComparedWith | None:
    if head is None:
        return None
    return ComparedWith(version=head.version, statement=head.statement.digest)


def _collect(client: MlflowClient, version: ModelVersion, folder: Path, policy_path: Path) -> None:
    """Copy what is judged into one folder: the model's files, its parity rows, the policy."""
    folder.mkdir()
    fetched = fetch_candidate(client, version, folder.parent / "candidate")
    shutil.move(fetched, folder / MODEL_FOLDER)
    shutil.copyfile(policy_path, folder / POLICY_FILE)
    with server_errors(f"reading the run of candidate {version.version}"):
        address = client.get_run(str(version.run_id)).info.artifact_uri
    parity = download(client, f"{address}/{PARITY_FILE}", folder.parent / "parity")
    (folder / PARITY_FILE).parent.mkdir()
    shutil.move(parity, folder / PARITY_FILE)


def _measure(
    scorer: Scorer,
    production: Scorer | None,
    rows: EvaluationRows,
    policy: Policy,
    folder: Path,
) -> tuple[Measurements, dict[str, Scores]]:
    scores = {"candidate": scorer.score(rows.encoded(scorer.contract))}
    if production is not None:
        scores["Production"] = production.score(rows.encoded(production.contract))
    for name, score in scores.items():
        wrong = int((~((score >= 0) & (score <= 1))).sum())
        if wrong or len(score) != len(rows.labels):
            raise ContractError(
                f"the {name} model gives no probability for {wrong or 'some'} of the "
                f"{len(rows.labels)} rows; can an input be missing that it cannot score?"
            )

    def measure(name: str) -> Detection:
        return detection(rows.labels, scores[name], rows.days, policy.alert_budget_per_day)

    difference, count = _parity(scorer, folder / PARITY_FILE)
    measured = Measurements(
        candidate=measure("candidate"),
        production=measure("Production") if production else None,
        contract_breaks=(
            contract_breaks(scorer.contract, production.contract) if production else ()
        ),
        parity_difference=difference,
        parity_rows=count,
    )
    return measured, scores


def _parity(scorer: Scorer, path: Path) -> tuple[float, int]:
    """The largest difference to the recorded probabilities, row by row, and the number of rows."""
    try:
        recorded = pd.read_parquet(path)
        expected = recorded["probability"].to_numpy(dtype=np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError("the candidate's run has no parity rows that can be read") from error
    if not len(recorded):
        return 1.0, 0
    given = scorer.score_one_by_one(encode_frame(recorded, scorer.contract))
    difference = float(np.abs(given - expected).max())
    return (difference if np.isfinite(difference) else 1.0), len(recorded)


def _draw(folder: Path, rows: EvaluationRows, scores: dict[str, Scores]) -> None:
    (folder / "plots").mkdir()
    figure = precision_recall(rows.labels, scores)
    figure.savefig(folder / "plots" / "precision_recall.png", dpi=120)
    table = rows.columns[[TIME, LABEL]].assign(**scores)
    table.to_parquet(folder / SCORES_FILE, index=False)


def _keep(client: MlflowClient, folder: Path, evidence: Evidence) -> str:
    """Upload the folder into a new run; the run ends FINISHED only when all of it is there."""
    with server_errors("keeping the evidence"):
        run = client.create_run(
            _experiment(client),
            run_name=f"candidate-{evidence.candidate.version}",
            tags={
                "candidate": f"{CANDIDATES}/{evidence.candidate.version}",
                "policy": evidence.policy.name,
                "verdict": "refused" if evidence.failed else "passed",
            },
        )
        run_id = str(run.info.run_id)
        try:
            client.log_artifacts(run_id, str(folder))
            for verdict in evidence.verdicts:
                client.log_metric(run_id, verdict.gate, verdict.measured)
                client.log_metric(run_id, f"{verdict.gate}.passed", float(verdict.passed))
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return run_id


def _experiment(client: MlflowClient) -> str:
    """The id of the evidence experiment, made on first use, by whoever comes first."""
    with suppress_exists():
        return str(client.create_experiment(EVIDENCE_EXPERIMENT))
    experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    if experiment is None:
        raise NotFound(f"experiment {EVIDENCE_EXPERIMENT} was deleted; restore it in MLflow")
    return str(experiment.experiment_id)
