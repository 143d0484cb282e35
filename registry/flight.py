"""What is in flight: evidence that passed against the head in force, and waits for approval."""

from __future__ import annotations

from mlflow import MlflowClient

from registry.ledger import Link
from registry.store import EVIDENCE_EXPERIMENT, server_errors

MOST = 50


def in_flight(client: MlflowClient, head: Link | None) -> list[tuple[str, str]]:
    """Evidence runs that could be promoted now, newest first: run id and candidate.

    For people: it reads the runs' tags, which `promote` does not trust. Raises Unreachable.
    """
    compared = head.statement.digest if head else "nothing"
    with server_errors("reading the evidence runs"):
        experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
        if experiment is None:
            return []
        runs = client.search_runs(
            [experiment.experiment_id],
            f"tags.verdict = 'passed' and tags.compared_with = '{compared}' "
            "and attributes.status = 'FINISHED'",
            max_results=MOST,
        )
    return [(str(run.info.run_id), str(run.data.tags.get("candidate", "?"))) for run in runs]
