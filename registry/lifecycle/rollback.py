"""Rollback: an earlier entry's files back in force, on the record."""

from __future__ import annotations

from registry.errors import NotFound, Refused, UsageError
from registry.ledger.chain import Ledger, Link
from registry.ledger.signing import Signer
from registry.ledger.statement import Statement
from registry.ledger.trust import Trust
from registry.lifecycle.aliases import repair_or_warn
from registry.lifecycle.append import append, approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.lifecycle.notes import evidence_of
from registry.progress import step
from registry.tracking.client import MlflowClient, read_ledger
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry

MAX_KNOWN = 20
"""Versions that an error names: the newest. `registry history` lists all."""


def rollback(
    client: MlflowClient,
    trust: Trust,
    signer: Signer,
    to: int | None,
    approval: Approval,
    tip: str | None = None,
) -> tuple[Link, bool]:
    """Put the files of ledger version `to` back in force, or those of the model before this one.

    Returns the entry in force, and whether it is new. With `to` it is idempotent: a version whose
    files are in force is not appended again, so the command can be repeated after a crash. There
    are no gates, and a freeze does not stop it: the files passed once. Raises NotFound where there
    is no such entry, BytesMismatch where its files are damaged, UsageError without a reason. With
    `tip`, raises Refused where the ledger's tip has another digest: somebody has acted meanwhile.
    """
    if not approval.comment:
        raise UsageError("a rollback needs a reason; give it with --reason")
    ledger = read_ledger(client, trust)
    if tip is not None and (ledger.tip is None or ledger.tip.digest != tip):
        raise Refused(f"another entry was appended meanwhile: {ledger.tip}; see `registry history`")
    head = _head(ledger)
    if head and any(link.version == to and link.has_files_of(head) for link in ledger.models):
        repair_or_warn(client, ledger)
        return head, False
    target = rollback_target(ledger, to)
    with step(f"hashing the files of ledger version {target.version}"):
        fetch_verified(Registry(client.tracking_uri), target)
    entry = target.statement.entry.model_copy(
        update={"action": "rollback", **next_place(ledger), **approval_fields(approval)}
    )
    statement = Statement(files=target.statement.files, entry=entry)
    return append(client, trust, signer, statement, evidence_of(client, entry)), True


def rollback_target(ledger: Ledger, version: int | None) -> Link:
    """The entry to roll back to: that of the ledger version or, without one, the model before.

    That is the last entry with other files before the head's were promoted, so that a second
    rollback goes further back and never returns to what the first one left. While an overrun leaves
    nothing in force, it is the last entry that was in force.

    Raises NotFound where there is none, or where its files are already in force, and
    VerificationError where the chain is broken.
    """
    head = _head(ledger)
    if not ledger.models:
        raise NotFound("nothing was in Production yet, so there is nothing to roll back to")
    if version is None:
        return _model_before(ledger, head)
    target = next((link for link in ledger.models if link.version == version), None)
    if target is None:
        known = [str(link.version) for link in ledger.models]
        earlier = ["…"] if len(known) > MAX_KNOWN else []
        listed = ", ".join([*earlier, *known[-MAX_KNOWN:]])
        raise NotFound(f"version {version} never put a model in force; those that did: {listed}")
    if target.has_files_of(head):
        raise NotFound(f"the files of version {version} are already in force")
    return target


def _head(ledger: Ledger) -> Link | None:
    """The head; None while an overrun leaves nothing in force."""
    return None if ledger.in_doubt and not ledger.breaks else ledger.head


def _model_before(ledger: Ledger, head: Link | None) -> Link:
    """The last other model before the head's was promoted; without a head, before the tip."""
    promotions = (
        link.statement.entry.sequence
        for link in ledger.models
        if link.has_files_of(head) and link.statement.entry.action == "promote"
    )
    promoted_at = max(promotions, default=len(ledger.chain))
    before = [
        link
        for link in ledger.models
        if link.statement.entry.sequence < promoted_at and not link.has_files_of(head)
    ]
    if not before:
        raise NotFound(
            "no other model was in Production before this one, so there is nothing to roll back "
            "to; `--to VERSION` takes any entry of the ledger"
        )
    return before[-1]
