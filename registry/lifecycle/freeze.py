"""Freeze and unfreeze: from one to the other no promotion counts; a rollback does."""

from __future__ import annotations

from typing import Literal

from securesystemslib.signer import Signer

from registry.errors import Refused, UsageError
from registry.ledger.chain import Link
from registry.ledger.statement import Statement
from registry.ledger.trust import Trust
from registry.lifecycle.append import append, approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.tracking.client import MlflowClient, read_ledger
from registry.tracking.head import head_of


def set_frozen(
    client: MlflowClient,
    trust: Trust,
    signer: Signer,
    action: Literal["freeze", "unfreeze"],
    approval: Approval,
) -> Link:
    """Append a freeze or an unfreeze; it repeats what is in force, so that it can be loaded too.

    Raises UsageError without a reason, NotFound while nothing is in Production, Refused where the
    ledger is frozen, or not, already.
    """
    if not approval.comment:
        raise UsageError(f"to {action} needs a reason; give it with --reason")
    ledger = read_ledger(client, trust)
    head = head_of(ledger)
    if ledger.frozen == (action == "freeze"):
        raise Refused(f"the ledger is {'' if ledger.frozen else 'not '}frozen already")
    entry = head.statement.entry.model_copy(
        update={"action": action, **next_place(ledger), **approval_fields(approval)}
    )
    statement = Statement(files=head.statement.files, entry=entry)
    return append(client, trust, signer, statement)
