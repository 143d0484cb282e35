"""Small candidates that are made in milliseconds: real ONNX models, registered like any other."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import warnings
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pandas as pd
import polars as pl
from mlflow import MlflowClient
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from registry.evaluation.pins import SERVING_LIBRARIES
from registry.evaluation.rows import AMOUNT, LABEL, TIME
from registry.ledger.files import MAX_MODEL_BYTES, Files, read_files
from registry.ledger.manifest import Manifest
from registry.model.contract import Contract, Histogram
from registry.model.scorer import SESSION_OPTIONS
from registry.tracking.client import suppress_exists
from registry.tracking.names import AUTHORS_TAG, CANDIDATES, FILES_TAG, PARITY_FILE
from tests.contracts import contract_of, number
from training.convert import convert
from training.track import model_signature

NAMES = ("amount", "count_7d", "risk_7d")
HISTOGRAM = Histogram(edges=(1.0,), counts=(5, 5))
ROWS = 400
RUN_TAGS = {
    "git_commit": "a" * 40,
    "git_dirty": "false",
    "data_sha256": "b" * 64,
    "requirements_sha256": "c" * 64,
    AUTHORS_TAG: "git:carol@example.com github:carol",
}
"""The tags that training sets for the lineage gate: a run by Carol on a clean tree."""

ORIGIN = {"dataset": "test", "data": "made", "data_sha256": "0" * 64, "delay_days": "7"}
"""The metadata of evaluation rows: the data set that they come from."""


def contract(names: tuple[str, ...] = NAMES, *, threshold: float = 0.5) -> Contract:
    inputs = [
        number(name, low=-4.0, high=4.0, reference=0.0, histogram=HISTOGRAM) for name in names
    ]
    return contract_of(*inputs, dataset="simulated", threshold=threshold)


def numbers(count: int = ROWS, width: int = len(NAMES), seed: int = 7) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(count, width))


@functools.cache
def pipeline(quality: float, width: int = len(NAMES)) -> Pipeline:
    """A logistic regression on the first input: perfect with `quality` 1, chance with 0."""
    rows = numbers(2000, width, seed=1)
    noise = np.random.default_rng(2).normal(size=len(rows))
    signal = quality * rows[:, 0] + (1 - quality) * noise
    model = LogisticRegression().fit(rows.astype(np.float32), signal > 1.2)
    return make_pipeline(model)


def write_evaluation_rows(
    path: Path, names: tuple[str, ...] = NAMES, start: datetime = datetime(2026, 4, 1)
) -> Path:
    """Evaluation rows over ten days, on which quality 1 has average precision 1."""
    rows = numbers(width=len(names))
    frame = pl.DataFrame({name: rows[:, index] for index, name in enumerate(names)})
    times = pl.Series([start + timedelta(minutes=36 * index) for index in range(len(rows))])
    frame.with_columns(
        pl.Series(LABEL, (rows[:, 0] > 1.2).astype(np.int8)),
        times.alias(TIME),
        pl.Series(AMOUNT, np.round(50 + 10 * rows[:, 0], 2)),
    ).write_parquet(path, metadata=ORIGIN)
    return path


def rewrite_rows(path: Path, destination: Path, dataset: str = "another") -> Path:
    """The rows of a file in another order, without one of them, and as another data set."""
    frame = pl.read_parquet(path)
    frame.reverse().slice(1).write_parquet(destination, metadata=ORIGIN | {"dataset": dataset})
    return destination


@functools.cache
def saved_model(quality: float, names: tuple[str, ...] = NAMES, threshold: float = 0.5) -> Path:
    """An MLflow model folder, made once for each set of arguments. Copy it to change it."""
    described = contract(names, threshold=threshold)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model: onnx.ModelProto = convert(pipeline(quality, len(names)), len(names))
    temporary = tempfile.mkdtemp(prefix="saved-model-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return save(model, described, Path(temporary) / "model")


def save(model: onnx.ModelProto, described: Contract, folder: Path) -> Path:
    """Write an MLflow model folder, as training does."""
    mlflow.onnx.save_model(
        model,
        folder,
        signature=model_signature(described),
        metadata=described.as_metadata(),
        onnx_session_options=SESSION_OPTIONS,
        pip_requirements=[f"{name}=={version(name)}" for name in SERVING_LIBRARIES],
        save_as_external_data=False,
    )
    return folder


def files_of(folder: Path) -> Files:
    """A model's files in memory, as they are on disk now."""
    return read_files(folder, MAX_MODEL_BYTES)


def register_candidate(
    client: MlflowClient,
    *,
    quality: float = 1.0,
    names: tuple[str, ...] = NAMES,
    threshold: float = 0.5,
    parity_offset: float = 0.0,
    experiment: str = "tests",
) -> int:
    """Log a model with its parity rows into a run and register it; return its version."""
    rows = numbers(ROWS, len(names))
    parity = pd.DataFrame(rows, columns=list(names))
    expected = pipeline(quality, len(names)).predict_proba(rows.astype(np.float32))[:, 1]
    parity["probability"] = expected + parity_offset
    return register_folder(client, saved_model(quality, names, threshold), parity, experiment)


def register_folder(
    client: MlflowClient, model: Path, parity: pd.DataFrame, experiment: str = "tests"
) -> int:
    """Log a model's folder and its parity rows into a run, as training does, and register it."""
    run = client.create_run(_experiment(client, experiment), tags=RUN_TAGS)
    run_id = run.info.run_id
    client.log_artifacts(run_id, str(model), "model")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(PARITY_FILE).name
        parity.to_parquet(path)
        client.log_artifact(run_id, str(path), str(Path(PARITY_FILE).parent))
    client.set_terminated(run_id)
    with suppress_exists():
        client.create_registered_model(CANDIDATES)
    source = f"{run.info.artifact_uri}/model"
    tags = {FILES_TAG: Manifest.of(model).digest}
    return int(client.create_model_version(CANDIDATES, source, run_id=run_id, tags=tags).version)


def _experiment(client: MlflowClient, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    return experiment.experiment_id if experiment else client.create_experiment(name)
