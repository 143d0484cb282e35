"""The model that all servers serve, promoted in a real ledger, and the rows that all are sent."""

from __future__ import annotations

import getpass
import logging
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import mlflow
import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from benchmarks.paths import REPOSITORY
from registry.evaluation.rows import LABEL
from registry.ledger.creation import create_ledger
from registry.ledger.trust import open_signer
from registry.lifecycle import evaluate, promote
from registry.lifecycle.approval import Approval
from registry.model.contract import Input
from registry.model.scorer import MODEL_FILE
from registry.tracking.client import connect
from registry.tracking.fetch import fetch_verified
from registry.tracking.names import PRODUCTION
from registry.tracking.rest import Registry
from training import track
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.data import read_data
from training.dataset import read_dataset
from training.evaluation_rows import labelled_rows, write_evaluation_rows
from training.fit import Recipe, encode
from training.models import FRAUD_WEIGHT, MODELS
from training.split import split_data
from training.threshold import choose_threshold

POLICY = REPOSITORY / "deploy" / "local" / "demo-policy.yaml"
DATA = "simulated"
DATASET = str(Path(__file__).with_name("fifteen.yaml"))
MODEL = "hist_gradient_boosting"
SEED = 0
TREES, LEAVES = 200, 31
ROWS = 200


@dataclass(frozen=True)
class Rows:
    """Rows to send, float64 of shape (n, inputs), and the probabilities to expect, shape (n,)."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    expected: NDArray[np.float64]


@dataclass(frozen=True)
class Production:
    """One model in four forms: in the ledger, as a `models:/` URI, as ONNX and as scikit-learn."""

    tracking_uri: str
    ledger_config: Path
    model_uri: str
    onnx: Path
    joblib: Path
    rows: Rows


def put_in_production(tracking_uri: str, folder: Path) -> Production:
    """Train on the embedded data, evaluate and promote: 200 trees, 15 inputs."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = connect(tracking_uri)
    mlflow.set_tracking_uri(tracking_uri)
    # `set_experiment` would leave the experiment in this process's environment.
    candidate, inputs, pipeline = _train(client.create_experiment("bench-inference"))
    rows = folder / "rows.parquet"
    write_evaluation_rows(DATA, DATASET, rows)
    config, key = folder / "ledger.yaml", folder / "signing-key.pem"
    trust = create_ledger(config, key)
    reference, _ = evaluate.evaluate(client, trust, str(candidate), rows, POLICY)
    signer = open_signer(f"file2:{key}", trust)
    approval = Approval(f"os:{getpass.getuser()}", "for the benchmark")
    link, _ = promote.promote(client, trust, signer, str(reference), (approval,), POLICY)
    fetch_verified(Registry(client.tracking_uri), link).write(folder / "fetched")
    joblib.dump(pipeline, folder / "model.joblib")
    return Production(
        tracking_uri=tracking_uri,
        ledger_config=config,
        model_uri=f"models:/{PRODUCTION}/{link.version}",
        onnx=folder / "fetched" / MODEL_FILE,
        joblib=folder / "model.joblib",
        rows=_rows_to_send(rows, inputs, pipeline),
    )


def _train(experiment_id: str) -> tuple[int, tuple[Input, ...], Pipeline]:
    """The candidate's version, its inputs, and the scikit-learn pipeline it was converted from."""
    dataset = read_dataset(DATASET)
    data = read_data(DATA, dataset)
    split = split_data(data.frame, dataset)
    inputs = describe_inputs(data, split.train)
    size = {"max_iter": TREES, "max_leaf_nodes": LEAVES}
    parameters = {**MODELS[MODEL].defaults, **size, FRAUD_WEIGHT: 1}
    with warnings.catch_warnings(), mlflow.start_run(experiment_id=experiment_id):
        # skl2onnx 1.20 passes numpy integers to protobuf, which warns about each tree.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="onnx")
        track.log_origin(())
        track.log_data(data)
        pipeline = Recipe(MODEL, parameters, SEED).fit_pipeline(data, split.train, inputs)
        test = encode(split.test, inputs)
        probability = pipeline.predict_proba(test)[:, 1]
        threshold = choose_threshold(dataset, labelled_rows(data, split.test), probability)
        contract = write_contract(data, DATASET, split.train, inputs, threshold, "on the test days")
        with tempfile.TemporaryDirectory() as temporary:
            sample = slice(track.PARITY_ROWS)
            names = contract.names
            track.write_parity_rows(Path(temporary), split.test[sample], names, probability[sample])
            mlflow.log_artifacts(temporary)
        model_id = track.log_model(convert(pipeline, len(inputs)), contract)
        candidate = track.register(model_id, track.logged_files(model_id), {})
    return candidate, inputs, pipeline


def _sample(path: Path) -> pl.DataFrame:
    """Evaluation rows in order of time, one in twenty a fraud where there are enough."""
    frame = pl.read_parquet(path).with_row_index("_row")
    frauds = frame.filter(pl.col(LABEL) == 1)
    frauds = frauds.sample(min(len(frauds), ROWS // 20), seed=SEED)
    genuine = frame.filter(pl.col(LABEL) == 0)
    genuine = genuine.sample(min(len(genuine), ROWS - len(frauds)), seed=SEED)
    return pl.concat([frauds, genuine]).sort("_row").drop("_row")


def _rows_to_send(path: Path, inputs: Sequence[Input], pipeline: Pipeline) -> Rows:
    frame = _sample(path)
    names = tuple(column.name for column in inputs)
    encoded = encode(frame, inputs)
    expected = pipeline.predict_proba(encoded)[:, 1]
    # Rounded to float32, or a server that scores in float64 may take another branch of a tree.
    return Rows(names, encoded.astype(np.float64), expected)
