"""What `registry status` lists of the server beside the ledger, without MLflow's client.

Importing that client takes longer than everything else that `status` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pydantic import BaseModel

from registry.tracking.connection import RefusedByServer
from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT, STAGING_ALIAS
from registry.tracking.rest import Registry

RUNS_PER_PAGE = 1000
VERSIONS_PER_PAGE = 100
"""A request names the run of each: 100 fit into the 8 kB of a URL that servers accept."""
NOT_THERE = (400, 404)
"""MLflow's status for a missing alias, and for anything else that is missing."""


class StoredRun(NamedTuple):
    """A run's id, and its tags."""

    run_id: str
    tags: dict[str, str]


class _Tag(BaseModel):
    key: str
    value: str = ""


class _Version(BaseModel):
    version: int
    run_id: str = ""


class _ByAlias(BaseModel):
    model_version: _Version


class _Versions(BaseModel):
    model_versions: list[_Version] = []
    next_page_token: str = ""


class _Experiment(BaseModel):
    experiment_id: str


class _Experiments(BaseModel):
    experiment: _Experiment


class _Info(BaseModel):
    run_id: str


class _Data(BaseModel):
    tags: list[_Tag] = []


class _Run(BaseModel):
    info: _Info
    data: _Data = _Data()


class _Runs(BaseModel):
    runs: list[_Run] = []
    next_page_token: str = ""


def staged_version(registry: Registry) -> int | None:
    """The version number of the candidate in Staging, if there is one. Raises Unreachable."""
    query = {"name": CANDIDATES, "alias": STAGING_ALIAS}
    with _suppress_missing():
        path = "registered-models/alias"
        return registry.read(_ByAlias, "reading Staging", path, query).model_version.version
    return None


def evidence_runs(registry: Registry, condition: str) -> Iterator[StoredRun]:
    """The evidence runs that meet an MLflow filter, newest first. Raises Unreachable."""
    operation = "reading the evidence runs"
    query = {"experiment_name": EVIDENCE_EXPERIMENT}
    found: _Experiments | None = None
    with _suppress_missing():
        found = registry.read(_Experiments, operation, "experiments/get-by-name", query)
    if found is None:
        return
    token = ""
    while True:
        asked = {
            "experiment_ids": [found.experiment.experiment_id],
            "filter": condition,
            "max_results": RUNS_PER_PAGE,
            **({"page_token": token} if token else {}),
        }
        page = registry.read(_Runs, operation, "runs/search", {}, asked)
        for run in page.runs:
            yield StoredRun(run.info.run_id, {tag.key: tag.value for tag in run.data.tags})
        if not page.next_page_token or not page.runs:
            return
        token = page.next_page_token


def candidates_of(registry: Registry, run_ids: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The candidates that these training runs registered: version number and run.

    Asked for by run: there may be far more candidates than wait for approval. Raises Unreachable.
    """
    wanted = sorted(run_ids)
    for start in range(0, len(wanted), VERSIONS_PER_PAGE):
        listed = ", ".join(f"'{run_id}'" for run_id in wanted[start : start + VERSIONS_PER_PAGE])
        query = {"filter": f"name='{CANDIDATES}' and run_id IN ({listed})"}
        while True:
            path = "model-versions/search"
            page = registry.read(_Versions, "reading the candidates", path, query)
            for version in page.model_versions:
                yield version.version, version.run_id
            if not page.next_page_token or not page.model_versions:
                break
            query["page_token"] = page.next_page_token


@contextmanager
def _suppress_missing() -> Iterator[None]:
    """Go on where the server does not have what was asked for."""
    try:
        yield
    except RefusedByServer as error:
        if error.status not in NOT_THERE:
            raise
