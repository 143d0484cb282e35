"""Plan: sign what a candidate will be judged on, before it is judged."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from registry.errors import Refused, UsageError, first_error
from registry.evaluation.plan import Plan, PlannedFile, PlannedQuery, write_plan
from registry.evaluation.policy import read_policy
from registry.evaluation.rows import read_rows
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest, sha256_of
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
from registry.tracking.candidates import candidate, download_candidate
from registry.tracking.client import MlflowClient, read_ledger
from registry.tracking.names import CANDIDATE_RUN_TAG, CANDIDATE_TAG, CANDIDATES, POLICY_FILE

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
    policy = read_policy(policy_path)
    version = candidate(client, which)
    ledger = read_ledger(client, trust)
    _ = ledger.head  # raises where the chain is broken or in doubt
    with tempfile.TemporaryDirectory(prefix="plan-") as temporary:
        with step(f"downloading candidate {version.version}"):
            files = Manifest.of(download_candidate(client, version, Path(temporary) / "candidate"))
        for earlier in evaluations(client):
            if earlier.files == files.digest and data.overlaps(earlier.start, earlier.end):
                raise Refused(
                    f"candidate {version.version} was evaluated on this data already, at "
                    f"{format_time(earlier.started_at)} in run {earlier.run_id}; plan other rows"
                )
        folder = Path(temporary) / "plan"
        folder.mkdir()
        shutil.copyfile(policy_path, folder / POLICY_FILE)
        content = Plan(
            candidate=CandidateRef(version=int(version.version), run_id=str(version.run_id)),
            files=dict(files.sha256),
            policy=PolicyRef(name=policy.name, sha256=sha256_of(folder / POLICY_FILE)),
            gates={name: gate.model_dump(mode="json") for name, gate in policy.gates.items()},
            data=data,
        )
        digest = write_plan(folder, content)
        with step("uploading the plan"):
            tags = {
                CANDIDATE_TAG: f"{CANDIDATES}/{version.version}",
                CANDIDATE_RUN_TAG: content.candidate.run_id,
            }
            run = upload(client, folder, f"plan-of-candidate-{version.version}", tags)
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
