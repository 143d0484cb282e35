"""Prune: delete old candidates, their runs and their files, but nothing that is still needed.

The order leaves nothing half: the run is marked, and its candidates are deleted before their files,
so that no candidate is ever without them. What a prune that was interrupted has left is found by
the mark. Evidence is never deleted: also that of candidates which failed counts as looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from registry.ledger.trust import Trust
from registry.lifecycle.needed import Needed, Registered
from registry.progress import step
from registry.tracking.client import MlflowClient, server_errors, suppress_missing
from registry.tracking.names import CANDIDATES, PRUNED_TAG
from registry.tracking.removal import Family, delete_family


class Outcome(NamedTuple):
    """A run with its candidates, and why it is kept; nothing for one that is deleted."""

    registered: Registered
    kept: str


def prune(
    client: MlflowClient, trust: Trust, before: datetime, *, delete: bool
) -> Iterator[Outcome]:
    """Delete the candidates from before that time which nothing needs; or only say which.

    Each is looked up again right before it is deleted. Raises VerificationError where the ledger
    does not verify, and Unreachable.
    """
    with step("reading the ledger, the models and the experiments"):
        needed = Needed(client, trust, before)
        registered = needed.registered()
    for number, old in enumerate(registered, 1):
        kept, family = needed.look(old)
        if delete and not kept:
            with step(f"deleting {old}, {number} of {len(registered)}"):
                _delete(client, old, family)
        yield Outcome(old, kept)


def _delete(client: MlflowClient, old: Registered, family: Family | None) -> None:
    with server_errors(f"deleting {old} (run the command again to finish)"):
        # A run that is deleted already takes no tag; `mlflow gc` would free its files.
        if family and family.run.info.lifecycle_stage == "active":
            client.set_tag(old.run_id, PRUNED_TAG, "true")
        for candidate in old.candidates:
            with suppress_missing():  # somebody else was faster
                client.delete_model_version(CANDIDATES, str(candidate))
        if family:
            delete_family(client, family)
