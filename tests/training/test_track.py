"""What a run records in MLflow, on a real server; whole runs are tested in test_run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.entities import Run

from registry.tracking.candidates import download_candidate
from registry.tracking.client import connect
from registry.tracking.names import CANDIDATES
from tests.candidates import contract, numbers, pipeline
from tests.world import Server, World
from training import track
from training.convert import convert


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    mlflow.set_experiment("tests")
    with mlflow.start_run() as started:
        yield started


def test_without_a_checkout_the_commit_is_unknown(
    server: Server, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    track.log_origin(None)

    tags = connect(server.uri).get_run(run.info.run_id).data.tags
    assert tags["git_commit"] == "unknown"
    assert tags["git_dirty"] == "unknown"
    assert tags["authors"] == ""


def checkout(folder: Path, email: str) -> str:
    """Create a repository with one commit; return the id of the commit."""
    identity = ["-c", "user.name=Somebody", "-c", f"user.email={email}"]
    for command in (
        ["init", "--quiet"],
        [*identity, "commit", "--quiet", "--allow-empty", "--message", "first"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_ACTOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "authors"),
    [
        ({}, "git:carol@example.com"),
        ({"GITHUB_ACTOR": "mallory"}, "git:carol@example.com"),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "carol"},
            "git:carol@example.com github:carol",
        ),
    ],
    ids=["at home", "an actor outside GitHub Actions", "in GitHub Actions"],
)
@pytest.mark.usefixtures("no_github")
def test_authors_are_that_of_the_commit_and_in_github_actions_the_actor(
    server: Server,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    authors: str,
) -> None:
    commit = checkout(tmp_path, "carol@example.com")
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    track.log_origin(())

    tags = connect(server.uri).get_run(run.info.run_id).data.tags
    assert tags["authors"] == authors
    assert (tags["git_commit"], tags["git_dirty"]) == (commit, "false")


def test_a_change_that_is_not_committed_makes_the_tree_dirty(
    server: Server, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(tmp_path, "carol@example.com")
    monkeypatch.chdir(tmp_path)

    track.log_origin(("training/fit.py",))

    assert connect(server.uri).get_run(run.info.run_id).data.tags["git_dirty"] == "true"


def test_the_environment_is_recorded_with_its_digest(
    server: Server, run: Run, tmp_path: Path
) -> None:
    track.log_origin(())

    client = connect(server.uri)
    path = client.download_artifacts(run.info.run_id, "environment.txt", str(tmp_path))
    pins = Path(path).read_bytes()
    tags = client.get_run(run.info.run_id).data.tags
    assert tags["requirements_sha256"] == hashlib.sha256(pins).hexdigest()
    assert f"mlflow=={importlib.metadata.version('mlflow')}" in pins.decode().splitlines()


def test_a_candidate_is_registered_with_the_digest_of_its_files(world: World, run: Run) -> None:
    model_id = track.log_model(convert(pipeline(1.0), 3), contract())

    number = track.register(model_id, track.logged_files(model_id), {})

    version = world.client.get_model_version(CANDIDATES, str(number))
    files = download_candidate(world.client, version)
    assert version.run_id == run.info.run_id
    assert version.tags == {"files_sha256": files.manifest.digest}


def test_a_logged_model_can_be_loaded_by_plain_mlflow(run: Run) -> None:
    described = contract()
    rows = numbers(50)

    model_id = track.log_model(convert(pipeline(1.0), 3), described)

    import pandas as pd

    loaded = mlflow.pyfunc.load_model(f"models:/{model_id}")
    answer = loaded.predict(pd.DataFrame(rows, columns=list(described.names)))
    expected = pipeline(1.0).predict_proba(rows.astype(np.float32))[:, 1]
    assert loaded.metadata.signature == track.model_signature(described)
    assert np.abs(np.asarray(answer["probability"]) - expected).max() < 1e-6


def test_the_signature_is_of_doubles_and_one_float() -> None:
    signature = track.model_signature(contract())

    assert [(column.name, str(column.type)) for column in signature.inputs] == [
        ("amount", "DataType.double"),
        ("count_7d", "DataType.double"),
        ("risk_7d", "DataType.double"),
    ]
    assert [(column.name, str(column.type)) for column in signature.outputs] == [
        ("probability", "DataType.float")
    ]
