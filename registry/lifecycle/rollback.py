"""Rollback: an earlier entry's files back in force, on the record."""

from __future__ import annotations

import tempfile
from pathlib import Path

from securesystemslib.signer import Signer

from registry.errors import UsageError
from registry.ledger.chain import Link
from registry.ledger.statement import Statement
from registry.ledger.trust import Trust
from registry.lifecycle.aliases import repair_or_warn
from registry.lifecycle.append import append, given, next_place
from registry.lifecycle.approval import Approval
from registry.progress import step
from registry.tracking.client import MlflowClient, read_ledger
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry


def rollback(
    client: MlflowClient, trust: Trust, signer: Signer, to: int | None, approval: Approval
) -> tuple[Link, bool]:
    """Put the files of ledger version `to` back in force, or of the model before this one.

    Returns the entry in force, and whether it is new: a version whose files are in force already is
    not appended again, so a command with `to` can be repeated after a crash. No gates, and a freeze
    does not stop it: the files passed once. Raises NotFound where there is no such entry,
    BytesMismatch where its files are damaged, UsageError without a reason.
    """
    if not approval.comment:
        raise UsageError("a rollback needs a reason; say it with --reason")
    ledger = read_ledger(client, trust)
    if to is not None and not ledger.in_doubt and not ledger.breaks:
        head = ledger.head
        if head and any(
            one.version == to and one.statement.files == head.statement.files
            for one in ledger.models
        ):
            repair_or_warn(client, ledger)
            return head, False
    earlier = ledger.earlier(to)
    with (
        step(f"hashing the files of ledger version {earlier.version}"),
        tempfile.TemporaryDirectory(prefix="rollback-") as folder,
    ):
        fetch_verified(Registry(client.tracking_uri), earlier, Path(folder))
    entry = earlier.statement.entry.model_copy(
        update={"action": "rollback", **next_place(ledger), **given(approval)}
    )
    statement = Statement(files=earlier.statement.files, entry=entry)
    return append(client, trust, signer, statement), True
