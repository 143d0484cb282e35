"""Plan: sign what a candidate will be judged on, before it is judged."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from registry.errors import Refused, UsageError, first_error
from registry.evaluation.plan import Plan, PlannedFile, PlannedQuery
from registry.evaluation.policy import parse_policy, policy_bytes
from registry.evaluation.rows import read_rows
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.signing import Signer
from registry.ledger.statement import (
    CandidateRef,
    Entry,
    EvidenceRef,
    PolicyRef,
    Statement,
    format_time,
)
from registry.ledger.trust import Trust
from registry.lifecycle.append import append, approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.lifecycle.earlier import evaluations
from registry.lifecycle.upload import upload
from registry.progress import step
from registry.temporary import temporary_folder
from registry.tracking.candidates import candidate, download_candidate
from registry.tracking.client import MlflowClient, RunInfo, read_ledger
from registry.tracking.names import (
    CANDIDATE_RUN_TAG,
    CANDIDATE_TAG,
    CANDIDATES,
    PLAN_FILE,
    POLICY_FILE,
)

PLANNED = "planned"


def planned_file(path: Path) -> PlannedFile:
    """The rows of a file as a plan names them. Raises UsageError as `read_rows` does."""
    rows = read_rows(path)
    return PlannedFile(rows_sha256=rows.sha256, start=rows.start, end=rows.end)


def planned_query(dataset: str, start: str, until: str) -> PlannedQuery:
    """A period of a data set; its ends are ISO 8601 with a time zone. Raises UsageError."""
    try:
        return PlannedQuery(
            dataset=dataset,
            start=datetime.fromisoformat(start),
            until=datetime.fromisoformat(until),
        )
    except ValidationError as error:
        reason = first_error(error).message
    except ValueError as error:
        reason = str(error)
    raise UsageError(
        f"{start} until {until} is not a period: {reason}; write times as 2026-05-01T00:00Z"
    )


def plan(
    client: MlflowClient,
    trust: Trust,
    signer: Signer,
    which: str,
    policy_path: Path,
    data: PlannedFile | PlannedQuery,
    approval: Approval,
) -> Link:
    """Append a plan: candidate `which` will be judged under this policy on this data.

    It puts nothing in force, and is possible while nothing is in Production, or while promotions
    are frozen. The entry names the candidate's files, which shows that these bytes existed; its
    source is the plan's own run, which holds no model: `latest` of the ledger must not become a
    candidate that no gate has judged.

    Raises UsageError without a reason or for an invalid policy, NotFound without such a candidate,
    and Refused if the candidate was evaluated on this data already, or another entry was appended
    first.
    """
    if not approval.comment:
        raise UsageError("a plan needs a reason; give it with --reason")
    policy_content = policy_bytes(policy_path)
    policy = parse_policy(policy_content, policy_path.name)
    version = candidate(client, which)
    ledger = read_ledger(client, trust)
    _ = ledger.head  # raises where the chain is broken or in doubt
    with step(f"downloading candidate {version.version}"):
        files = download_candidate(client, version).manifest
    for earlier in evaluations(client):
        if earlier.files == files.digest and data.overlaps(earlier.start, earlier.end):
            raise Refused(
                f"candidate {version.version} was evaluated on this data already, at "
                f"{format_time(earlier.started_at)} in run {earlier.run_id}; plan other rows"
            )
    content = Plan(
        candidate=CandidateRef(version=int(version.version), run_id=str(version.run_id)),
        files=dict(files.sha256),
        policy=PolicyRef(name=policy.name, sha256=sha256_of_bytes(policy_content)),
        gates={name: gate.model_dump(mode="json") for name, gate in policy.gates.items()},
        data=data,
    )
    run, digest = _upload(client, content, policy_content)
    entry = Entry(
        ledger_id=trust.ledger_id,
        action="plan",
        source=run.artifact_uri,
        candidate=content.candidate,
        evidence=EvidenceRef(run_id=run.run_id, sha256=digest),
        policy=content.policy,
        verdict=PLANNED,
        **next_place(ledger),
        **approval_fields(approval),
    )
    return append(client, trust, signer, Statement(files=content.files, entry=entry))


def _upload(client: MlflowClient, content: Plan, policy_content: bytes) -> tuple[RunInfo, str]:
    """Upload the plan and its policy; return the run, and the sha256 of `plan.json`."""
    files = Files({PLAN_FILE: content.as_bytes(), POLICY_FILE: policy_content})
    tags = {
        CANDIDATE_TAG: f"{CANDIDATES}/{content.candidate.version}",
        CANDIDATE_RUN_TAG: content.candidate.run_id,
    }
    name = f"plan-of-candidate-{content.candidate.version}"
    with temporary_folder("plan-") as folder, step("uploading the plan"):
        files.write(folder)
        run = upload(client, folder, files.manifest, name, tags)
    return run, files.manifest.sha256[PLAN_FILE]
