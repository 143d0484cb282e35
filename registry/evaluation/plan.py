"""A plan: what a candidate will be judged on, written into the ledger before it is judged."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.errors import BytesMismatch
from registry.evaluation.evidence import EvaluatedRows, download_run
from registry.ledger.manifest import Manifest
from registry.ledger.statement import CandidateRef, PolicyRef, Sha256, Statement, Text
from registry.tracking.client import MlflowClient
from registry.tracking.names import PLAN_FILE, POLICY_FILE


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class PlannedFile(_Value):
    """Evaluation rows that exist: the sha256 of their file, and their first and last time."""

    rows_sha256: Sha256
    start: AwareDatetime
    end: AwareDatetime

    def covers(self, rows: EvaluatedRows) -> bool:
        """Whether these are the rows that were planned."""
        return rows.sha256 == self.rows_sha256

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether rows from `start` to `end` could hold transactions of these."""
        return start <= self.end and self.start <= end


class PlannedQuery(_Value):
    """Evaluation rows that may not exist yet: those of a data set from one time until another."""

    dataset: Text
    start: Annotated[AwareDatetime, Field(alias="from")]
    until: AwareDatetime

    @model_validator(mode="after")
    def _is_a_period(self) -> PlannedQuery:
        if self.start >= self.until:
            raise ValueError("its end is not after its start")
        return self

    def covers(self, rows: EvaluatedRows) -> bool:
        """Whether the rows are of the data set and all of their times lie in the period."""
        same = rows.origin.get("dataset") == self.dataset
        return same and self.start <= rows.start and rows.end < self.until

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether rows from `start` to `end` could hold transactions of these."""
        return start < self.until and self.start <= end


class Plan(_Value):
    """The content of `plan.json`; `gates` are the bounds of the policy's gates, by name."""

    candidate: CandidateRef
    files: dict[str, Sha256]
    policy: PolicyRef
    gates: dict[str, dict[str, Any]]
    data: PlannedFile | PlannedQuery

    def as_bytes(self) -> bytes:
        """The content of `plan.json`."""
        document = self.model_dump(mode="json", by_alias=True)
        text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
        return f"{text}\n".encode()


def fetch_plan(client: MlflowClient, statement: Statement) -> Plan:
    """Download the plan of a ledger entry, and hash it again.

    Raises BytesMismatch where it is not the one that was signed, or does not say what its entry
    says; Refused, NotFound and Unreachable as `download_run` does.
    """
    entry = statement.entry
    run = f"run {entry.evidence.run_id}"
    files = download_run(
        client,
        entry.evidence,
        PLAN_FILE,
        otherwise="is not the one that was signed; restore it, or plan other rows",
    ).files
    try:
        plan = Plan.model_validate_json(files[PLAN_FILE])
    except ValidationError as error:
        raise BytesMismatch(f"{PLAN_FILE} of {run} is not a plan of this version") from error
    expected = {PLAN_FILE: entry.evidence.sha256, POLICY_FILE: entry.policy.sha256}
    Manifest(expected).require(files.manifest, f"plan {run}")
    signed = (entry.candidate, statement.files, entry.policy)
    if (plan.candidate, plan.files, plan.policy) != signed:
        raise BytesMismatch(f"{PLAN_FILE} of {run} plans something else than its ledger entry says")
    return plan
