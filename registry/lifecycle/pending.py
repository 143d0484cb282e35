"""Pending candidates: they passed against the model in force, and wait for approval."""

from __future__ import annotations

import re
from typing import NamedTuple

from registry.ledger.chain import Link
from registry.tracking.names import (
    CANDIDATE_RUN_TAG,
    CANDIDATE_TAG,
    CANDIDATES,
    COMPARED_WITH_TAG,
    NOTHING,
    PASSED,
    VERDICT_TAG,
)
from registry.tracking.overview import candidates_of, evidence_runs
from registry.tracking.rest import Registry

RUN_ID = re.compile("[0-9a-f]{32}")


class Pending(NamedTuple):
    """An evidence run's id, and its candidate as `fraud-detector/VERSION`."""

    evidence_run: str
    candidate: str


def pending(registry: Registry, head: Link | None) -> list[Pending]:
    """The candidates that passed against the head, each with its newest evidence run, newest first.

    Evidence of deleted candidates is left out: on an empty ledger it would list all that was ever
    evaluated without a Production model. The list is for people: it reads the runs' tags, which
    `promote` does not trust. Raises Unreachable.
    """
    compared_with = head.digest if head else NOTHING
    condition = (
        f"tags.{VERDICT_TAG} = '{PASSED}' and tags.{COMPARED_WITH_TAG} = '{compared_with}' "
        "and attributes.status = 'FINISHED'"
    )
    passed = list(evidence_runs(registry, condition))
    # They are what somebody wrote into a tag.
    run_ids = {run.tags.get(CANDIDATE_RUN_TAG, "") for run in passed}
    wanted = {run_id for run_id in run_ids if RUN_ID.fullmatch(run_id)}
    candidates = {
        (f"{CANDIDATES}/{version}", run_id) for version, run_id in candidates_of(registry, wanted)
    }
    newest: dict[str, str] = {}
    for run in passed:
        candidate = (run.tags.get(CANDIDATE_TAG, ""), run.tags.get(CANDIDATE_RUN_TAG, ""))
        if candidate in candidates:
            newest.setdefault(candidate[0], run.run_id)
    return [Pending(run_id, name) for name, run_id in newest.items()]
