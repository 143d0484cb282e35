"""Append: insert one signed entry after the tip; the fold then decides whether it won."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypedDict

from registry.errors import Refused, Unreachable, UsageError, VerificationError
from registry.evaluation.evidence import Evidence
from registry.ledger.chain import MAX_VERSIONS, MAX_VERSIONS_APPENDED, Ledger, Link
from registry.ledger.checkpoint import checkpoint_after
from registry.ledger.signing import Signer
from registry.ledger.statement import Checkpoint, Statement, open_envelope, sign
from registry.ledger.trust import Trust, TrustedKey
from registry.lifecycle.aliases import repair_or_warn
from registry.lifecycle.approval import Approval
from registry.lifecycle.notes import LEDGER_NOTE, describe
from registry.progress import step
from registry.tracking.client import MlflowClient, read_ledger, server_errors, suppress_exists
from registry.tracking.names import PRODUCTION, STATEMENT_TAG


class Place(TypedDict):
    """The fields of an entry that give its place in the chain, and what is before it."""

    sequence: int
    supersedes: str | None
    checkpoint: Checkpoint | None


class ApprovalFields(TypedDict):
    """The fields of an entry that come from its approval."""

    approver: str
    approved_at: datetime
    comment: str
    url: str


def next_place(ledger: Ledger) -> Place:
    """The place after the tip. All that append ask for it before anything is signed.

    Raises Refused where readers would soon refuse the list of versions for its length.
    """
    if ledger.versions >= MAX_VERSIONS_APPENDED:
        raise Refused(
            f"{PRODUCTION} has {ledger.versions:,} versions, and readers list no more than "
            f"{MAX_VERSIONS:,}; {len(ledger.findings):,} of them are no entries: delete these "
            "(`registry verify` names them), or begin a new ledger on another tracking server"
        )
    tip = ledger.tip
    if tip is None:
        return Place(sequence=1, supersedes=None, checkpoint=None)
    return Place(
        sequence=tip.statement.entry.sequence + 1,
        supersedes=tip.digest,
        checkpoint=checkpoint_after(ledger),
    )


def approval_fields(approval: Approval) -> ApprovalFields:
    return ApprovalFields(
        approver=approval.approver,
        approved_at=datetime.now(UTC).replace(microsecond=0),
        comment=approval.comment,
        url=approval.url,
    )


def append(
    client: MlflowClient,
    trust: Trust,
    signer: Signer,
    statement: Statement,
    evidence: Evidence | None = None,
) -> Link:
    """Insert the signed statement; return its entry once it has its place in the chain.

    What was measured, for its description, is in `evidence`.

    It won if the chain holds its digest, whatever the version number: the MLflow client retries, so
    one statement can be inserted twice. Raises Refused if another entry took its place. Before
    anything is written, raises UsageError for a key that may not sign this sequence or whose
    signature is invalid: the entry would be passed over, or would leave nothing in force.
    """
    entry = statement.entry
    key = trust.by_id(signer.public_key.keyid)
    if not key.reaches(entry.sequence):
        raise UsageError(
            f"the signing key may sign the sequences {key.first} to "
            f"{'…' if key.last is None else key.last}, and this entry is {entry.sequence}; set "
            "FRAUD_SIGNING_KEY to a key that may"
        )
    envelope = _signed(statement, signer, key)
    with step("appending to the ledger"):
        not_begun = "appending to the ledger (run the command again once the server works)"
        with server_errors(not_begun), suppress_exists():
            client.create_registered_model(PRODUCTION, description=LEDGER_NOTE)
        with _unknown_outcome():
            with server_errors("appending to the ledger"):
                client.create_model_version(
                    PRODUCTION,
                    source=entry.source,
                    run_id=entry.evidence.run_id,
                    tags={STATEMENT_TAG: envelope},
                    description=describe(entry, evidence),
                )
            ledger = read_ledger(client, trust)
    for link in ledger.chain:
        if link.digest == statement.digest:
            repair_or_warn(client, ledger)
            return link
    raise Refused(
        f"another entry was appended first: {ledger.tip}; see `registry history`, then evaluate "
        "again"
    )


@contextmanager
def _unknown_outcome() -> Iterator[None]:
    """Say of a failure that the entry may be in the ledger: its answer alone may have been lost.

    A rollback without a version must not simply be repeated: it would go one model further back.
    """
    try:
        yield
    except Unreachable as error:
        raise Unreachable(
            f"{error}; the entry may be in the ledger all the same: look at `registry history` "
            "when the server is back, and run the command again if it is not there"
        ) from error


def _signed(statement: Statement, signer: Signer, key: TrustedKey) -> str:
    """The envelope, checked as readers will check it: a remote key may have been replaced."""
    envelope = sign(statement, signer)
    try:
        open_envelope(envelope, [key.key()])
    except VerificationError as error:
        raise UsageError(
            f"the statement was not signed by key {key.keyid[:12]}: {error}; nothing was appended; "
            "set FRAUD_SIGNING_KEY to the key that ledger.yaml trusts"
        ) from error
    return envelope
