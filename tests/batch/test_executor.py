"""What an executor does with the rows that Spark gives it, without Spark."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import onnx
import pyarrow as pa
import pytest

from batch import executor
from batch.executor import Task
from registry.errors import BytesMismatch
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest
from registry.model.scorer import Value
from tests.batch.heads import tree_bytes, trees
from tests.candidates import save

ADDRESS = "file:///data/night/a%20b.parquet"
ROWS = pa.record_batch(
    {
        "c0": [1, 2, 3],
        "c1": [0.25, None, 1.0],
        "c2": [0.5, 1.0, None],
        "c3": ["FR", "DE", None],
        "file": [ADDRESS] * 3,
        "row": [10, 11, 12],
    }
)


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    model = onnx.load_model_from_string(tree_bytes())
    folder = save(model, trees().contract, tmp_path / "model")
    statement = trees().link.statement.model_copy(update={"files": Manifest.of(folder).sha256})
    names = ("id `", "amount", "age_days", "country")
    link, root = Link(7, statement), "file:/data/night/"
    made = Task(link, f"{tmp_path.name}7-", names, ("id `",), root, explain=False)
    monkeypatch.setattr(executor, "_sent", lambda name: folder / name.removeprefix(made.prefix))
    return made


def test_rows_are_scored_or_rejected_with_their_places(task: Task) -> None:
    copy: Task = pickle.loads(pickle.dumps(task))  # as Spark sends it

    [found] = copy(iter([ROWS]))

    scorer = trees().scorer
    first, last, rejected = found.to_pylist()
    expected: list[tuple[Any, list[Value]]] = [
        (first, [0.25, 0.5, "FR"]),
        (last, [1.0, None, None]),
    ]
    for row, sent in expected:
        assert row["probability"] == scorer.score(scorer.encode(sent))[0]
        assert (row["model_version"], row["reason"]) == (7, None)
    assert [row["key_0"] for row in (first, last, rejected)] == [1, 3, 2]
    assert rejected["reason"] == "amount: missing"
    assert rejected["probability"] is None
    assert (rejected["input_file"], rejected["input_row"]) == ("a b.parquet", 12)


def test_an_empty_batch_has_no_rows(task: Task) -> None:
    assert sum(len(batch) for batch in task(iter([ROWS.slice(0, 0)]))) == 0


def test_bytes_that_are_not_those_of_the_statement_score_nothing(
    task: Task, tmp_path: Path
) -> None:
    path = tmp_path / "model" / "model.onnx"
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(BytesMismatch, match=r"on this executor: model\.onnx was changed"):
        list(task(iter([ROWS])))
