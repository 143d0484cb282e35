"""A served model of any number of inputs, without a ledger or training."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from benchmarks.links import unsigned_link
from inference.model import ServedModel
from inference.raw import RawForm
from inference.transaction import TransactionReader
from registry.model.contract import Contract, Histogram, Input, Window
from registry.model.scorer import Scorer
from training.convert import convert

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


def contract_of(count: int) -> Contract:
    """A contract of `count` numbers with ten bins each."""
    histogram = Histogram(edges=tuple(range(1, 10)), counts=(100,) * 10)
    inputs = tuple(
        Input(
            name=f"feature_{number:04}",
            kind="number",
            nullable=False,
            low=0.0,
            high=10.0,
            reference=0.5,
            histogram=histogram,
        )
        for number in range(count)
    )
    return Contract(
        dataset="growth",
        inputs=inputs,
        threshold=0.5,
        threshold_method="fixed",
        training_window=Window(start=BEGIN, end=END),
        delay_days=7,
    )


def model_of(count: int, version: int = 1) -> ServedModel:
    """A model whose probability is the mean of its `count` inputs."""
    contract = contract_of(count)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["inputs", "weights"], ["products"]),
            helper.make_node("Reshape", ["products", "shape"], ["probability"]),
        ],
        "mean",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, [None, count])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None])],
        [
            numpy_helper.from_array(np.full((count, 1), 1 / count, dtype=np.float32), "weights"),
            numpy_helper.from_array(np.asarray([-1], dtype=np.int64), "shape"),
        ],
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()
    return served(model, contract, version)


def boosted_model_of(count: int) -> ServedModel:
    """A model as training makes it, of `count` numbers."""
    contract = contract_of(count)
    return served(boosted(count), contract, 1)


def boosted(count: int) -> bytes:
    """Histogram gradient boosting of 200 trees, of labels at random, as an ONNX model.

    With one thread: with more, it takes minutes where other processes run.
    """
    rng = np.random.default_rng(0)
    rows, labels = rng.uniform(0, 10, (1000, count)), rng.random(1000) < 0.5
    trees = HistGradientBoostingClassifier(max_iter=200, max_bins=8, early_stopping=False)
    with threadpool_limits(1):
        pipeline = make_pipeline(trees).fit(rows, labels)
    return bytes(convert(pipeline, count).SerializeToString())


def served(
    model: bytes, contract: Contract, version: int, raw: RawForm | None = None
) -> ServedModel:
    """The model as the service has it, with an entry that nobody signed."""
    reader = TransactionReader(contract, fields=raw.fields if raw else None)
    return ServedModel(Scorer(model, contract), reader, unsigned_link(model, version), raw)
