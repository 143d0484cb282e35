"""Pending candidates: they passed against the model in force, and wait for approval."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from registry.ledger.chain import Link
from registry.tracking.client import MlflowClient, Run, server_errors
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

RUNS_PER_PAGE = 1000
VERSIONS_PER_PAGE = 100
"""A request names the run of each: 100 fit into the 8 kB of a URL that servers accept."""
RUN_ID = re.compile("[0-9a-f]{32}")


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
    compared_with = head.digest if head else NOTHING
    with server_errors("reading the evidence runs"):
        experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
        if experiment is None:
            return []
        passed = list(_passed(client, experiment.experiment_id, compared_with))
        candidates = _candidates(client, {run.data.tags.get(CANDIDATE_RUN_TAG) for run in passed})
    newest: dict[str, str] = {}
    for run in passed:
        tags = run.data.tags
        candidate = (str(tags.get(CANDIDATE_TAG)), tags.get(CANDIDATE_RUN_TAG))
        if candidate in candidates:
            newest.setdefault(candidate[0], str(run.info.run_id))
    return [Pending(run_id, name) for name, run_id in newest.items()]


def _passed(client: MlflowClient, experiment: str, compared_with: str) -> Iterator[Run]:
    """The evidence runs that passed against this statement, newest first."""
    token: str | None = ""
    while token is not None:
        page = client.search_runs(
            [experiment],
            f"tags.{VERDICT_TAG} = '{PASSED}' and tags.{COMPARED_WITH_TAG} = '{compared_with}' "
            "and attributes.status = 'FINISHED'",
            max_results=RUNS_PER_PAGE,
            page_token=token or None,
        )
        yield from page
        token = page.token or None


def _candidates(client: MlflowClient, run_ids: Iterable[str | None]) -> set[tuple[str, str | None]]:
    """Of the candidates that these training runs registered, those that exist: name and run.

    Asked for by run: there may be far more candidates than wait for approval.
    """
    # They are what somebody wrote into a tag.
    wanted = sorted(run_id for run_id in run_ids if run_id and RUN_ID.fullmatch(run_id))
    found: set[tuple[str, str | None]] = set()
    for start in range(0, len(wanted), VERSIONS_PER_PAGE):
        listed = ", ".join(f"'{run_id}'" for run_id in wanted[start : start + VERSIONS_PER_PAGE])
        token: str | None = ""
        while token is not None:
            page = client.search_model_versions(
                f"name='{CANDIDATES}' and run_id IN ({listed})", page_token=token or None
            )
            found |= {(f"{CANDIDATES}/{version.version}", version.run_id) for version in page}
            token = page.token or None
    return found
