"""Upload: a folder of evidence as a new run of the evidence experiment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from registry.errors import NotFound
from registry.ledger.manifest import Manifest, regular_files
from registry.lifecycle.notes import EVIDENCE_NOTE
from registry.storage.address import is_blob_address
from registry.storage.container import open_container
from registry.tracking.client import (
    MlflowClient,
    MlflowException,
    RunInfo,
    server_errors,
    suppress_exists,
)
from registry.tracking.names import EVIDENCE_EXPERIMENT
from registry.tracking.project_run import NOTE_TAG


def upload(
    client: MlflowClient,
    folder: Path,
    files: Manifest,
    name: str,
    tags: Mapping[str, str],
    metrics: Mapping[str, float] | None = None,
) -> RunInfo:
    """Upload the folder to a new run, which is FINISHED only once everything is there.

    Raises BytesMismatch where the folder holds other files than these by then, NotFound where the
    evidence experiment was deleted, and Unreachable.
    """
    with server_errors("uploading the evidence (run the command again once the server works)"):
        run = client.create_run(_experiment(client), run_name=name, tags=dict(tags)).info
        try:
            _upload_files(client, run, folder)
            files.require(Manifest.of(folder), "while the evidence was uploaded")
            for key, value in (metrics or {}).items():
                client.log_metric(run.run_id, key, value)
        except BaseException:
            with suppress(MlflowException):  # of the two, the first failure says what to do
                client.set_terminated(run.run_id, "FAILED")
            raise
        client.set_terminated(run.run_id)
    return run


def _upload_files(client: MlflowClient, run: RunInfo, folder: Path) -> None:
    """Through the tracking server, or by ourselves where it does not proxy the run's files.

    MLflow's own client would wait for minutes for a storage that is away.
    """
    if not is_blob_address(run.artifact_uri):
        client.log_artifacts(run.run_id, str(folder))
        return
    with open_container(run.artifact_uri) as container:
        for name, path in regular_files(folder):
            container.upload(path, name)


def _experiment(client: MlflowClient) -> str:
    """The id of the evidence experiment, which the first evaluation or plan creates."""
    with suppress_exists():
        return str(client.create_experiment(EVIDENCE_EXPERIMENT, tags={NOTE_TAG: EVIDENCE_NOTE}))
    experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    if experiment is None:
        raise NotFound(f"experiment {EVIDENCE_EXPERIMENT} was deleted; restore it in MLflow")
    return str(experiment.experiment_id)
