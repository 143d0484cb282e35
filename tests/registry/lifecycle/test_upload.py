"""Uploading a folder to a run of the evidence experiment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests
from azure.storage.blob import BlobServiceClient
from mlflow.environment_variables import MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD
from mlflow.store.artifact.azure_blob_artifact_repo import AzureBlobArtifactRepository

from deploy.local.azure import LocalAzure
from registry.errors import BytesMismatch, Unreachable
from registry.ledger.manifest import Manifest
from registry.lifecycle.upload import upload
from registry.storage.container import open_container
from registry.tracking.client import MlflowClient
from registry.tracking.names import EVIDENCE_EXPERIMENT
from tests.world import World


def test_a_run_is_finished_once_its_files_and_metrics_are_there(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "some.txt").write_text("some")
    run = upload(
        world.client,
        tmp_path,
        Manifest.of(tmp_path),
        "some run",
        {"policy": "test"},
        {"floor": 0.5},
    )
    found = world.client.get_run(run.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "some run")
    assert (found.data.tags["policy"], found.data.metrics) == ("test", {"floor": 0.5})
    assert (world.server.stored(run.artifact_uri) / "some.txt").read_text() == "some"
    experiment = world.client.get_experiment(found.info.experiment_id)
    assert experiment.name == EVIDENCE_EXPERIMENT
    assert experiment.tags["mlflow.note.content"].startswith("Each run is the evidence of one ")


def test_a_run_whose_upload_fails_is_failed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(MlflowClient, "log_artifacts", full)
    with pytest.raises(Unreachable, match=r"uploading the evidence .*: no space left on device"):
        upload(world.client, tmp_path, Manifest({}), "some run", {})
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    assert experiment
    (run,) = world.client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"


def test_files_that_change_while_they_are_uploaded_are_refused(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "some.txt").write_text("some")
    with pytest.raises(
        BytesMismatch, match=r"while the evidence was uploaded: some\.txt was added"
    ):
        upload(world.client, folder, Manifest({}), "some run", {})


def test_a_deleted_experiment_must_be_restored(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    upload(world.client, folder, Manifest({}), "some run", {})
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    assert experiment
    world.client.delete_experiment(experiment.experiment_id)
    try:
        with pytest.raises(Unreachable, match="deleted"):
            upload(world.client, folder, Manifest({}), "another run", {})
    finally:
        world.client.restore_experiment(experiment.experiment_id)


def test_a_model_of_more_than_ten_blocks_arrives_whole_in_blob_storage(
    storage: LocalAzure, blobs: str, tmp_path: Path
) -> None:
    """As the client uploads it, or the server for the client; with blocks of 1,000 bytes."""
    content = os.urandom(12_345)
    (tmp_path / "model.onnx").write_bytes(content)
    with BlobServiceClient.from_connection_string(
        storage.connection_string, max_single_put_size=1000, max_block_size=1000
    ) as service:
        repository = AzureBlobArtifactRepository(blobs, client=service)
        repository.log_artifacts(str(tmp_path))  # type: ignore[no-untyped-call]
    with open_container(blobs) as container:
        assert container.read("model.onnx", 12_345) == content


def test_mlflows_multipart_upload_to_azure_is_off_for_it_breaks_at_ten_parts(
    storage: LocalAzure, blobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/decisions/multipart.md has the consequences; without the bug, they end."""
    assert MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD.get() is False  # type: ignore[no-untyped-call]
    # Of the signatures that MLflow makes for the parts, Azurite checks those with a key.
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", storage.connection_string)
    repository = AzureBlobArtifactRepository(blobs)
    parts = repository.create_multipart_upload("model.onnx", 10).credentials  # type: ignore[no-untyped-call]
    statuses = [requests.put(part.url, data=b"x", timeout=30).status_code for part in parts]
    assert statuses == [201] * 9 + [400]
