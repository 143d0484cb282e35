"""The model that everyone serves, promoted into a real ledger, and the rows that everyone gets."""

from __future__ import annotations

import getpass
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import mlflow
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from deploy.traffic import choose
from registry import evaluation, promotion
from registry.approver import Approval
from registry.contract import Input
from registry.reader import fetch_verified
from registry.scorer import MODEL_FILE
from registry.store import PRODUCTION, connect
from registry.trust import create_ledger, open_signer
from training.data import read_data
from training.dataset import read_dataset
from training.describe import describe_inputs
from training.fit import Recipe, encode
from training.models import MODELS
from training.rows import write_rows
from training.run import train
from training.split import split_by_time

POLICY = Path(__file__).resolve().parents[2] / "deploy" / "demo-policy.yaml"
DATA = "simulated"
MODEL = "hist_gradient_boosting"
SEED = 0
ROWS = 200


@dataclass(frozen=True)
class Rows:
    """Rows to send, float64 of shape (n, inputs), and the probabilities to expect, shape (n,)."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    expected: NDArray[np.float64]


@dataclass(frozen=True)
class Production:
    """One model four times: in the ledger, as MLflow's address, as ONNX and as scikit-learn."""

    tracking_uri: str
    ledger_config: Path
    model_uri: str
    onnx: Path
    joblib: Path
    rows: Rows


def put_in_production(tracking_uri: str, folder: Path) -> Production:
    """Train, evaluate and promote the embedded data's model: 200 trees, 15 inputs.

    The scikit-learn model is fitted again from the same rows, parameters and seed, because nothing
    but ONNX is ever registered; that every server gives the same probabilities shows that they are
    one model.
    """
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    client = connect(tracking_uri)
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment("bench-inference")
    with warnings.catch_warnings(), mlflow.start_run():
        # skl2onnx 1.20 hands numpy integers to protobuf, once for each tree.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="onnx")
        parameters = {"data": DATA, "dataset": DATA, "model": MODEL}
        candidate = train({**parameters, "trials": "0", "seed": str(SEED), "register": "true"})
    rows = folder / "rows.parquet"
    write_rows(DATA, DATA, rows)
    config, key = folder / "ledger.yaml", folder / "signing-key.pem"
    trust = create_ledger(config, key)
    reference, _ = evaluation.evaluate(client, trust, str(candidate), rows, POLICY)
    signer = open_signer(f"file2:{key}", trust)
    approval = Approval(f"os:{getpass.getuser()}", "to be measured")
    link, _ = promotion.promote(client, trust, signer, str(reference), (approval,), POLICY)
    model = fetch_verified(client, link, folder / "fetched")
    inputs, pipeline = _fit_again()
    joblib.dump(pipeline, folder / "model.joblib")
    return Production(
        tracking_uri=tracking_uri,
        ledger_config=config,
        model_uri=f"models:/{PRODUCTION}/{link.version}",
        onnx=model / MODEL_FILE,
        joblib=folder / "model.joblib",
        rows=_rows_to_send(rows, inputs, pipeline),
    )


def _fit_again() -> tuple[tuple[Input, ...], Pipeline]:
    dataset = read_dataset(DATA)
    data = read_data(DATA, dataset)
    split = split_by_time(
        data.frame,
        time=dataset.time.column,
        label=dataset.label,
        delay_days=dataset.delay_days,
        test_share=dataset.test_share,
    )
    inputs = describe_inputs(data, split.train)
    recipe = Recipe(MODEL, MODELS[MODEL].defaults, SEED)
    return inputs, recipe.fit(data, split.train, inputs)


def _rows_to_send(path: Path, inputs: Sequence[Input], pipeline: Pipeline) -> Rows:
    frame = choose(path, ROWS)
    names = tuple(one.name for one in inputs)
    expected = pipeline.predict_proba(encode(frame, inputs))[:, 1]
    return Rows(names, frame.select(names).to_numpy().astype(np.float64), expected)
