"""Scores of a real Spark of two executors: those of one machine to the bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from batch.job import Job
from registry.tracking.head import fetch_head
from registry.tracking.names import PRODUCTION, PRODUCTION_ALIAS
from registry.tracking.rest import Registry
from tests.batch.heads import tree_bytes, trees
from tests.candidates import save
from tests.components import missing, program
from tests.inference.models import append_signed
from tests.places import REPOSITORY
from tests.world import Server, lasting, new_world

ROWS, FILES = 100_000, 8
SPARK = REPOSITORY / ".spark"


def rows(number: int) -> pa.Table:
    """Every thousandth row breaks the contract."""
    random = np.random.default_rng(number)
    count = ROWS // FILES
    amount, age = random.normal(size=count), random.normal(size=count)
    return pa.table(
        {
            "id": np.arange(count) + number * count,
            "amount": pa.array(amount, mask=np.arange(count) % 1000 == 7),
            "age_days": pa.array(age, mask=age > 1),
            "country": random.choice(["DE", "FR", "XX"], size=count),
            "note `x`.y": random.choice(["a", "b"], size=count),
        }
    )


@pytest.fixture(scope="module")
def spark(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all runs are done, those of one machine among them."""
    program("java", "apt-get install default-jdk-headless")
    if not SPARK.exists() and find_spec("pyspark") is None:
        missing("pyspark", "make spark")
    folder = tmp_path_factory.mktemp("spark")
    (folder / "rows" / "day=1").mkdir(parents=True)
    for number in range(FILES):
        inside = "day=1/b %" if number else "a "
        parquet.write_table(rows(number), folder / "rows" / f"{inside}{number}.parquet")
    with lasting(new_world(server, folder)) as world:
        model = onnx.load_model_from_string(tree_bytes())
        append_signed(world, save(model, trees().contract, folder / "model"))
        world.client.set_registered_model_alias(PRODUCTION, PRODUCTION_ALIAS, "1")
        head = fetch_head(Registry(server.uri), world.trust)
        Job(head, str(folder / "rows"), str(folder / "scores")).run()
        path = os.pathsep.join([str(REPOSITORY), str(SPARK)])
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.batch.spark_runs", str(folder)],
            cwd=folder,
            env={**os.environ, **world.environment, "PYTHONPATH": path},
            check=True,
            timeout=200,
        )
    return folder


def found(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return read


def table(folder: Path) -> pa.Table:
    return dataset.dataset(folder).to_table().sort_by("id")


def require_same(expected: Path, other: Path) -> None:
    for name in ("", "_rejects"):
        ours, theirs = table(expected / name), table(other / name)
        assert theirs.column_names == ours.column_names
        assert theirs.to_pylist() == ours.to_pylist()


def test_each_row_has_the_bits_of_one_machine_though_an_executor_was_killed(spark: Path) -> None:
    assert found(spark)["executors"] == [2, 1]
    assert found(spark)["killed"] == [99_896, 104]
    require_same(spark / "scores", spark / "killed")


def test_what_a_run_that_was_cut_off_left_is_replaced_and_what_is_whole_is_kept(
    spark: Path,
) -> None:
    assert found(spark)["again"] == [99_896, 104]
    assert found(spark)["unchanged"] is True
    assert len(list((spark / "killed").glob("part-*"))) == FILES
    assert len(list((spark / "cut off").glob("part-*"))) == FILES
    require_same(spark / "scores", spark / "cut off")


def test_an_executor_refuses_bytes_that_are_not_those_of_the_statement(spark: Path) -> None:
    assert found(spark)["wrong"].startswith(
        "the model's files on this executor: model.onnx was changed"
    )
    assert not list((spark / "wrong").glob("part-*"))


def test_mlflows_udf_gives_the_same_bits_of_trees(spark: Path) -> None:
    expected = {row["id"]: row["probability"] for row in table(spark / "scores").to_pylist()}
    answers = {row["id"]: row["probability"] for row in table(spark / "udf").to_pylist()}
    assert {number: answers[number] for number in expected} == expected
    assert len(answers) == ROWS
