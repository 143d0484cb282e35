"""Pending candidates: they passed against the model in force, and wait for approval."""

from __future__ import annotations

from typing import NamedTuple

from registry.ledger.chain import Link
from registry.tracking.client import MlflowClient, server_errors
from registry.tracking.names import (
    CANDIDATE_RUN_TAG,
    CANDIDATE_TAG,
    CANDIDATES,
    COMPARED_WITH_TAG,
    EVIDENCE_EXPERIMENT,
    NOTHING,
    PASSED,
    VERDICT_TAG,
)

MAX_RUNS = 50


class Pending(NamedTuple):
    """An evidence run's id, and its candidate as `fraud-detector/VERSION`."""

    evidence_run: str
    candidate: str


def pending(client: MlflowClient, head: Link | None) -> list[Pending]:
    """The candidates that passed against the head, each with its newest evidence run, newest first.

    Evidence of deleted candidates is left out: on an empty ledger it would list all that was ever
    evaluated without a Production model. The list is for people: it reads the runs' tags, which
    `promote` does not trust. Raises Unreachable.
    """
    compared_with = head.statement.digest if head else NOTHING
    with server_errors("reading the evidence runs"):
        experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
        if experiment is None:
            return []
        runs = client.search_runs(
            [experiment.experiment_id],
            f"tags.{VERDICT_TAG} = '{PASSED}' and tags.{COMPARED_WITH_TAG} = '{compared_with}' "
            "and attributes.status = 'FINISHED'",
            max_results=MAX_RUNS,
        )
        versions = client.search_model_versions(
            f"name='{CANDIDATES}'", max_results=1000, order_by=["version_number DESC"]
        )
    candidates = {(f"{CANDIDATES}/{version.version}", version.run_id) for version in versions}
    newest: dict[str, str] = {}
    for run in runs:
        tags = run.data.tags
        candidate = (str(tags.get(CANDIDATE_TAG)), tags.get(CANDIDATE_RUN_TAG))
        if candidate in candidates:
            newest.setdefault(candidate[0], str(run.info.run_id))
    return [Pending(run_id, name) for name, run_id in newest.items()]
