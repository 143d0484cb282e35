"""Freeze and unfreeze: between the two, promotions are void and rollbacks are not."""

from __future__ import annotations

from typing import Literal

from registry.errors import Refused, UsageError
from registry.ledger.chain import Link
from registry.ledger.signing import Signer
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
    """Append a freeze or an unfreeze. It repeats the head's files, so that it can be loaded too.

    Raises UsageError without a reason, NotFound while nothing is in Production, and Refused if the
    ledger is already in that state.
    """
    if not approval.comment:
        raise UsageError(f"`{action}` needs a reason; give it with --reason")
    ledger = read_ledger(client, trust)
    head = head_of(ledger)
    if ledger.frozen == (action == "freeze"):
        raise Refused(f"the ledger is {'already' if ledger.frozen else 'not'} frozen")
    entry = head.statement.entry.model_copy(
        update={"action": action, **next_place(ledger), **approval_fields(approval)}
    )
    statement = Statement(files=head.statement.files, entry=entry)
    return append(client, trust, signer, statement)
