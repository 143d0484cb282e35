"""What training recorded of a candidate and of the model in Production, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.errors import NotFound
from registry.ledger.chain import Link
from registry.tracking.candidates import candidate
from registry.tracking.client import MlflowClient, ModelVersion, server_errors
from registry.tracking.names import CANDIDATES, DATA_TAG


@dataclass(frozen=True)
class Trained:
    """The training run of a candidate: whatever its author wrote there, and no proof of anything.

    `data` is the sha256 of the data file, `metrics` are as the run logged them.
    """

    version: int
    run_id: str
    name: str
    model: str
    data: str
    metrics: Mapping[str, float]


def trained(client: MlflowClient, which: str) -> Trained:
    """The run of a candidate's version, or of `staging`. Raises NotFound, UsageError."""
    return _of_version(client, candidate(client, which))


def trained_in_production(client: MlflowClient, head: Link | None) -> Trained | None:
    """The run of the model in Production, where there is one and it was not deleted since."""
    if head is None:
        return None
    try:
        with server_errors("reading the candidate in Production"):
            version = str(head.statement.entry.candidate.version)
            found = client.get_model_version(CANDIDATES, version)
            if found.run_id != head.statement.entry.candidate.run_id:
                return None
    except NotFound:
        return None
    return _of_version(client, found)


def _of_version(client: MlflowClient, version: ModelVersion) -> Trained:
    with server_errors(f"reading the run of candidate {version.version}"):
        run = client.get_run(str(version.run_id))
    return Trained(
        version=int(version.version),
        run_id=run.info.run_id,
        name=run.info.run_name or "",
        model=run.data.params.get("model", ""),
        data=run.data.tags.get(DATA_TAG, ""),
        metrics=dict(run.data.metrics),
    )
