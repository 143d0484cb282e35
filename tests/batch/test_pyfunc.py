"""MLflow's own ways of scoring give the numbers of batch and service."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import onnx
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pyarrow import parquet

from batch.job import Job
from inference.app import make_service
from inference.model import load_model
from inference.settings import read_settings
from registry.ledger.trust import read_trust
from registry.tracking.fetch import fetch_verified
from registry.tracking.head import fetch_head
from registry.tracking.names import PRODUCTION, PRODUCTION_ALIAS
from registry.tracking.rest import Registry
from tests.batch.heads import tree_bytes, trees
from tests.batch.test_job import rows_of
from tests.candidates import NAMES, contract, numbers, pipeline, save
from tests.inference.calls import calling
from tests.inference.models import append_signed
from tests.world import World
from training.convert import convert

ROWS = 1_000


def put_in_production(world: World, folder: Path) -> None:
    append_signed(world, folder)
    version = str(world.ledger.head.version) if world.ledger.head else ""
    world.client.set_registered_model_alias(PRODUCTION, PRODUCTION_ALIAS, version)


def by_mlflow(vectors: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float32]:
    loaded = mlflow.pyfunc.load_model(f"models:/{PRODUCTION}@{PRODUCTION_ALIAS}")
    answer = loaded.predict(pd.DataFrame(vectors, columns=list(names)))
    found: NDArray[np.float32] = np.asarray(answer["probability"])
    assert found.dtype == np.float32
    return found


def by_batch(world: World, table: pa.Table, tmp_path: Path) -> NDArray[np.float64]:
    head = fetch_head(Registry(world.server.uri), read_trust(world.config, None))
    parquet.write_table(table, tmp_path / "night.parquet")
    Job(head, str(tmp_path / "night.parquet"), str(tmp_path / "scores")).run()
    return np.array([row["probability"] for row in rows_of(tmp_path / "scores")])


def test_of_trees_to_the_bit_where_categories_are_given_as_their_codes(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.server.uri)
    contract = trees().contract
    put_in_production(
        world, save(onnx.load_model_from_string(tree_bytes()), contract, tmp_path / "m")
    )
    random = np.random.default_rng(8)
    vectors = random.normal(size=(ROWS, 3))
    vectors[::7, 1] = np.nan
    vectors[:, 2] = random.integers(-1, 2, size=ROWS)
    names = [{-1.0: None, 0.0: "DE", 1.0: "FR"}[code] for code in vectors[:, 2]]
    age = pa.array(vectors[:, 1], mask=np.isnan(vectors[:, 1]))
    table = pa.table({"amount": vectors[:, 0], "age_days": age, "country": names})

    scores = by_batch(world, table, tmp_path)

    assert scores.tolist() == by_mlflow(vectors, contract.names).astype(np.float64).tolist()
    link = world.ledger.head
    assert link
    monkeypatch.setenv("FRAUD_LEDGER_CONFIG", str(world.config))
    monkeypatch.setenv("FRAUD_AUTH", "off")
    with calling(make_service(read_settings())) as service:
        service.serve(load_model(fetch_verified(Registry(world.server.uri), link), link))
        for row, score in zip(table.to_pylist()[:50], scores, strict=False):
            assert service.predict(row).json()["probability"] == score
    assert len(set(scores)) > 30


def test_of_a_logistic_regression_within_a_rounding_of_float32(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch and service score its rows one by one: docs/decisions/row-by-row.md."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.server.uri)
    put_in_production(world, save(convert(pipeline(1.0), len(NAMES)), contract(), tmp_path / "m"))
    vectors = numbers(ROWS)

    scores = by_batch(world, pa.table(dict(zip(NAMES, vectors.T, strict=True))), tmp_path)

    assert np.abs(scores - by_mlflow(vectors, NAMES)).max() <= 2e-7
