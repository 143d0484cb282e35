"""Promote and roll back: one insert into the ledger each, and what people see set after it."""

from __future__ import annotations

import getpass
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlflow import MlflowClient
from securesystemslib.signer import Signer

from registry import statement as statements
from registry.errors import Refused, UsageError
from registry.evidence import POLICY_FILE, Fetched, fetched_evidence, parse_reference
from registry.gates import judge
from registry.ledger import Ledger, Link
from registry.policy import read_policy
from registry.progress import step
from registry.reader import fetch_verified
from registry.signs import repair
from registry.statement import Entry, Statement, sign
from registry.store import PRODUCTION, STATEMENT_TAG, read_ledger, server_errors, suppress_exists
from registry.trust import Trust


@dataclass(frozen=True)
class Approval:
    """Who approves, why, and where that can be read; `approver` is `realm:name`."""

    approver: str
    comment: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]+:\S.*", self.approver):
            raise UsageError(
                f"approver {self.approver!r} must say its realm too, such as github:alice"
            )


def person_at_keyboard() -> str:
    return f"os:{getpass.getuser()}"


def promote(
    client: MlflowClient, trust: Trust, signer: Signer, reference: str, approval: Approval
) -> tuple[Link, bool]:
    """Put the files of approved evidence in force; return the entry, and whether it is new.

    Saying it twice appends once: where the evidence is in force already, only the alias and the
    tags that people see are repaired. Raises BytesMismatch where anything differs from what was
    approved, and Refused where a gate failed, the head is not the one compared with, or another
    promotion won the race.
    """
    approved = parse_reference(reference)
    with step("hashing the evidence again"), fetched_evidence(client, approved) as fetched:
        ledger = read_ledger(client, trust)
        head = ledger.head
        if head and head.statement.entry.evidence == approved and _is_promotion(head):
            repair(client, ledger)
            return head, False
        _check(fetched, ledger)
        evidence = fetched.evidence
        statement = Statement(
            files=evidence.model_files,
            entry=Entry(
                ledger_id=trust.ledger_id,
                action="promote",
                source=fetched.source,
                candidate=evidence.candidate,
                evidence=approved,
                policy=evidence.policy,
                **_place(ledger),
                **_approved(approval),
            ),
        )
    return _append(client, trust, signer, statement), True


def rollback(
    client: MlflowClient, trust: Trust, signer: Signer, to: int | None, approval: Approval
) -> Link:
    """Put an earlier entry's files back in force: ledger version `to`, or the model before.

    No gates: the files passed them once. Raises NotFound where there is no such entry,
    BytesMismatch where its files are damaged, UsageError without a reason.
    """
    if not approval.comment:
        raise UsageError("a rollback needs a reason; say it with --reason")
    ledger = read_ledger(client, trust)
    earlier = ledger.earlier(to)
    with (
        step(f"hashing the files of ledger version {earlier.version}"),
        tempfile.TemporaryDirectory(prefix="rollback-") as folder,
    ):
        fetch_verified(client, earlier, Path(folder))
    entry = earlier.statement.entry.model_copy(
        update={"action": "rollback", **_place(ledger), **_approved(approval)}
    )
    statement = Statement(files=earlier.statement.files, entry=entry)
    return _append(client, trust, signer, statement)


def _is_promotion(link: Link) -> bool:
    return link.statement.entry.action == "promote"


def _check(fetched: Fetched, ledger: Ledger) -> None:
    """Refuse evidence that does not hold, did not pass, or is of another head."""
    evidence = fetched.evidence
    policy = read_policy(fetched.folder / POLICY_FILE)
    applied = statements.Policy(name=policy.name, sha256=evidence.files[POLICY_FILE])
    if evidence.policy != applied:
        raise Refused("the evidence names another policy than it holds; evaluate again")
    if judge(evidence.measurements, policy) != evidence.verdicts:
        raise Refused("the recorded verdicts do not follow from the measurements; evaluate again")
    if evidence.failed:
        gates = ", ".join(one.gate for one in evidence.failed)
        raise Refused(f"candidate {evidence.candidate.version} did not pass: {gates}")
    compared = evidence.compared_with.statement if evidence.compared_with else None
    in_force = ledger.head.statement.digest if ledger.head else None
    if compared != in_force:
        raise Refused(
            "Production is no longer the one that the candidate was compared with; evaluate again "
            f"against {ledger.head or 'the empty ledger'}"
        )


def _place(ledger: Ledger) -> dict[str, int | str | None]:
    tip = ledger.tip
    return {
        "sequence": tip.statement.entry.sequence + 1 if tip else 1,
        "supersedes": tip.statement.digest if tip else None,
    }


def _approved(approval: Approval) -> dict[str, str | datetime]:
    return {
        "approver": approval.approver,
        "approved_at": datetime.now(UTC).replace(microsecond=0),
        "comment": approval.comment,
        "url": approval.url,
    }


def _append(client: MlflowClient, trust: Trust, signer: Signer, statement: Statement) -> Link:
    """Insert the signed statement; afterwards the fold says whether it won.

    Raises UsageError, before anything is written, for a key that may not sign this sequence: its
    entry would be passed over, or would leave nothing in force.
    """
    entry = statement.entry
    key = trust.by_id(signer.public_key.keyid)
    if not key.reaches(entry.sequence):
        raise UsageError(
            f"the signing key may sign the sequences {key.first} to {key.last or '…'}, and this "
            f"entry is {entry.sequence}; set FRAUD_SIGNING_KEY to a key that may"
        )
    with step("appending to the ledger"):
        with server_errors("appending to the ledger"):
            with suppress_exists():
                client.create_registered_model(PRODUCTION)
            client.create_model_version(
                PRODUCTION,
                source=entry.source,
                run_id=entry.evidence.run_id,
                tags={STATEMENT_TAG: sign(statement, signer)},
                description=f"{entry.action} by {entry.approver}: {entry.comment}",
            )
        ledger = read_ledger(client, trust)
    head = ledger.head
    if head is None or head.statement.digest != statement.digest:
        raise Refused(f"another entry was there first: {head}; look at it, then evaluate again")
    repair(client, ledger)
    return head
