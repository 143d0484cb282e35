"""What a training run records in MLflow, so that it can be found, compared and repeated."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
import pandas as pd
import polars as pl
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource  # type: ignore[attr-defined]
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from registry.evaluation.pins import SERVING_LIBRARIES
from registry.ledger.files import MAX_MODEL_BYTES
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.lifecycle.notes import CANDIDATES_NOTE
from registry.model.contract import Contract
from registry.model.scorer import OUTPUT, SESSION_OPTIONS
from registry.provenance.repository import Repository
from registry.tracking.client import download, suppress_exists
from registry.tracking.names import (
    AUTHORS_TAG,
    CANDIDATES,
    DATA_TAG,
    ENVIRONMENT_FILE,
    FILES_TAG,
    GIT_COMMIT_TAG,
    GIT_DIRTY_TAG,
    PARITY_FILE,
    REQUIREMENTS_TAG,
)
from training.data import Data
from training.intervals import Estimate

PARITY_ROWS = 10_000
CHECKOUT = Repository(Path())
"""The checkout that training runs in."""

LIBRARIES = (*SERVING_LIBRARIES, "mlflow", "onnx", "pandas", "polars", "scikit-learn", "skl2onnx")


def log_origin(uncommitted: tuple[str, ...] | None) -> dict[str, str]:
    """Tag the run with commit, authors, whether the tree was dirty, and the installed libraries.

    `uncommitted` is what `Repository.uncommitted` found. Returns the tags.
    """
    installed = sorted({f"{each.name.lower()}=={each.version}" for each in distributions()})
    pins = "".join(f"{pin}\n" for pin in installed)
    mlflow.log_text(pins, ENVIRONMENT_FILE)
    tags = {
        GIT_COMMIT_TAG: CHECKOUT.head or "unknown",
        GIT_DIRTY_TAG: "unknown" if uncommitted is None else str(bool(uncommitted)).lower(),
        AUTHORS_TAG: " ".join(_authors()),
        REQUIREMENTS_TAG: sha256_of_bytes(pins.encode()),
        "python": platform.python_version(),
        **{f"library.{name}": version(name) for name in LIBRARIES},
    }
    mlflow.set_tags(tags)
    return tags


def _authors() -> list[str]:
    """The authors of the candidate, each with the realm of the name: `git:` (e-mail), `github:`.

    Never MLflow's own user tag, which any client can set to anything.
    """
    email = CHECKOUT.author("HEAD")
    actor = os.environ.get("GITHUB_ACTOR") if os.environ.get("GITHUB_ACTIONS") else None
    known = (("git", email), ("github", actor))
    return [f"{realm}:{name}" for realm, name in known if name]


def log_data(data: Data) -> None:
    """Log the data set; MLflow's digest field has 36 characters, so a tag holds all 64.

    An experiment has one data set of a name and digest, with the source that it had first: the
    same file read from elsewhere later keeps it. The run's parameter `data` tells its own.
    """
    source = (
        resolve_dataset_source(data.address)
        if data.address
        # Resolved by its path, MLflow would warn that it has several names for a file.
        else LocalArtifactDatasetSource(str(data.path.absolute()))
    )
    name, digest = data.path.stem, data.sha256[:36]
    dataset = MetaDataset(source, name=name, digest=digest)  # type: ignore[abstract]
    mlflow.log_input(dataset, context="training")
    mlflow.set_tag(DATA_TAG, data.sha256)
    mlflow.log_metric("rows", len(data.frame))


def log_detection(detection: Mapping[str, float], prefix: str, step: int | None = None) -> None:
    """Log measures with a prefix to their names."""
    measures = {f"{prefix}{name}": value for name, value in detection.items()}
    mlflow.log_metrics(measures, step=step)


def log_estimates(estimates: Mapping[str, Estimate]) -> None:
    """Log each measure, and the ends of its interval, if any, as `…_lower` and `…_upper`."""
    values: dict[str, float] = {}
    for name, estimate in estimates.items():
        values[name] = estimate.value
        if estimate.has_interval:
            values[f"{name}_lower"], values[f"{name}_upper"] = estimate.lower, estimate.upper
    mlflow.log_metrics(values)


def write_parity_rows(
    folder: Path,
    rows: pl.DataFrame,
    names: Iterable[str],
    probability: np.ndarray[Any, np.dtype[np.float64]],
) -> None:
    """Write raw input rows with scikit-learn's probabilities, to compare the ONNX model with.

    `folder` becomes the run's artifacts, where the gates look for `PARITY_FILE`.
    """
    path = folder / PARITY_FILE
    path.parent.mkdir()
    table = rows.select(*names).with_columns(pl.Series("probability", probability))
    table.write_parquet(path)


def model_signature(contract: Contract) -> ModelSignature:
    """The MLflow signature: columns of type `double`, so that `mlflow.pyfunc` works too."""
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double, name) for name in contract.names
    ]
    outputs: list[ColSpec | TensorSpec] = [ColSpec(DataType.float, OUTPUT)]
    return ModelSignature(inputs=Schema(columns), outputs=Schema(outputs))


def log_model(model: onnx.ModelProto, contract: Contract) -> str:
    """Log the ONNX model with its contract, signature and input example; return its model id."""
    reference = [
        each.codes[str(each.reference)] if each.kind == "category" else each.reference
        for each in contract.inputs
    ]
    logged = mlflow.onnx.log_model(
        model,
        name="model",
        signature=model_signature(contract),
        input_example=pd.DataFrame([reference], columns=list(contract.names), dtype="float64"),
        metadata=contract.as_metadata(),
        onnx_session_options=SESSION_OPTIONS,
        pip_requirements=[f"{name}=={version(name)}" for name in SERVING_LIBRARIES],
        save_as_external_data=False,
    )
    return str(logged.model_id)


def register(
    model_id: str, files: Manifest, more_tags: Mapping[str, str], description: str = ""
) -> int:
    """Register a logged model as the next candidate, with the digest of its files and more tags.

    In one request, because a trainer may add candidates, but not change them. Returns its version.
    """
    client = mlflow.MlflowClient()
    with suppress_exists():
        client.create_registered_model(CANDIDATES, description=CANDIDATES_NOTE)
    version = client.create_model_version(
        CANDIDATES,
        f"models:/{model_id}",
        tags={**more_tags, FILES_TAG: files.digest},
        description=description,
        model_id=model_id,
    ).version
    # By this tag, MLflow's UI leads from the run to the candidate.
    link = json.dumps([{"name": CANDIDATES, "version": version}])
    client.set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: link})
    return int(version)


def logged_files(model_id: str) -> Manifest:
    """The files of a logged model, as the artifact store has them."""
    client = mlflow.MlflowClient()
    source = client.get_logged_model(model_id).artifact_location
    return download(client, source, MAX_MODEL_BYTES).manifest
