"""What is in flight: candidates that passed against the head in force, and wait for approval."""

from __future__ import annotations

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

MOST = 50


def in_flight(client: MlflowClient, head: Link | None) -> list[tuple[str, str]]:
    """Of each candidate that passed, the newest evidence run: run id and candidate, newest first.

    Evidence of candidates that are no more is left out: on an empty ledger, all that was ever
    judged against nothing would stand here. For people: it reads the runs' tags, which `promote`
    does not trust. Raises Unreachable.
    """
    compared = head.statement.digest if head else NOTHING
    with server_errors("reading the evidence runs"):
        experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
        if experiment is None:
            return []
        runs = client.search_runs(
            [experiment.experiment_id],
            f"tags.{VERDICT_TAG} = '{PASSED}' and tags.{COMPARED_WITH_TAG} = '{compared}' "
            "and attributes.status = 'FINISHED'",
            max_results=MOST,
        )
        candidates = client.search_model_versions(
            f"name='{CANDIDATES}'", max_results=1000, order_by=["version_number DESC"]
        )
    present = {(f"{CANDIDATES}/{one.version}", one.run_id) for one in candidates}
    newest: dict[str, str] = {}
    for run in runs:
        tags = run.data.tags
        candidate = (str(tags.get(CANDIDATE_TAG)), tags.get(CANDIDATE_RUN_TAG))
        if candidate in present:
            newest.setdefault(candidate[0], str(run.info.run_id))
    return [(run_id, name) for name, run_id in newest.items()]
