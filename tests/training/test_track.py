"""What a run leaves in MLflow, on a real server; the whole of a run is in test_run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.entities import Run

from registry.store import connect
from tests.candidates import contract, numbers, pipeline
from tests.conftest import Server
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

    track.log_origin()

    tags = connect(server.uri).get_run(run.info.run_id).data.tags
    assert tags["git_commit"] == "unknown"
    assert tags["git_dirty"] == "unknown"


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

    assert [(one.name, str(one.type)) for one in signature.inputs] == [
        ("amount", "DataType.double"),
        ("count_7d", "DataType.double"),
        ("risk_7d", "DataType.double"),
    ]
    assert [(one.name, str(one.type)) for one in signature.outputs] == [
        ("probability", "DataType.float")
    ]
