"""The reference implementation against onnxruntime, on every model that training makes."""

from __future__ import annotations

import atexit
import functools

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from registry.evaluation.isolated import DEFAULT_LIMITS, ModelProcess
from registry.evaluation.parity import reference_parity
from registry.model.scorer import OUTPUT, Scorer
from tests.candidates import numbers
from tests.contracts import contract_of, number
from tests.registry.graphs import INPUT, first_input, integer, model_of
from training.calibrate import CalibratedPipeline, Sigmoid
from training.convert import convert
from training.models import MODELS, InputColumns

CATEGORY_SIZES = (4,)


def rows_with_gaps(count: int) -> NDArray[np.float32]:
    """Three numbers, a tenth of them missing or huge, and the code of a category, or -1."""
    generator = np.random.default_rng(3)
    rows = numbers(count).astype(np.float32)
    rows[generator.random(rows.shape) < 0.1] = np.nan
    rows[generator.random(rows.shape) < 0.02] = 3e38
    return np.column_stack([rows, generator.integers(-1, 4, count)]).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("calibrated", [False, True])
def test_every_model_of_training_agrees_with_the_reference(name: str, calibrated: bool) -> None:
    kind = MODELS[name]
    fitting = np.column_stack([numbers(2000), np.arange(2000) % 4]).astype(np.float32)
    pipeline = kind.build(InputColumns(3, CATEGORY_SIZES), kind.defaults, 1)
    pipeline.fit(fitting, fitting[:, 0] + fitting[:, 3] > 2.5)
    fitted = CalibratedPipeline(pipeline, Sigmoid(1.3, -0.5)) if calibrated else pipeline
    model = convert(fitted, 4).SerializeToString()
    scorer = Scorer(model, contract_of(*(number(f"n{index}") for index in range(4))))
    rows = rows_with_gaps(300)
    assert difference_of(model, rows, scorer.score(rows)) < 1e-6


@functools.cache
def process() -> ModelProcess:
    """One for all tests of this module: each takes half a second to start."""
    started = ModelProcess("candidate", DEFAULT_LIMITS)
    atexit.register(started.__exit__)
    return started


def difference_of(model: bytes, rows: NDArray[np.float32], scores: NDArray[np.float32]) -> float:
    return reference_parity(process(), model, rows, scores)


ROWS = np.array([[0.25], [0.5]], dtype=np.float32)
SCORES = np.array([0.25, 0.5], dtype=np.float32)


def of(model: onnx.ModelProto, rows: NDArray[np.float32] = ROWS) -> float:
    return difference_of(model.SerializeToString(), rows, SCORES)


def test_the_largest_difference_counts() -> None:
    assert of(first_input()) == 0.0
    assert of(first_input(), np.array([[0.25], [0.75]], dtype=np.float32)) == 0.25


def test_a_reference_that_is_not_a_number_agrees_with_nothing() -> None:
    assert of(first_input(), np.array([[0.25], [np.nan]], dtype=np.float32)) == 1.0


def test_another_number_of_answers_agrees_with_nothing() -> None:
    nodes = [
        helper.make_node("Gather", [INPUT, "first row"], ["row"], axis=0),
        helper.make_node("Gather", ["row", "first"], [OUTPUT], axis=1),
    ]
    first_row = helper.make_tensor("first row", TensorProto.INT64, [1], [0])
    assert of(model_of(nodes, [integer("first", 0), first_row])) == 1.0


@pytest.mark.parametrize("model", [b"", b"not ONNX"])
def test_a_file_that_cannot_be_run_agrees_with_nothing(model: bytes) -> None:
    assert difference_of(model, ROWS, SCORES) == 1.0


def test_no_rows_differ_by_nothing() -> None:
    empty = np.empty((0, 1), dtype=np.float32)
    assert difference_of(first_input().SerializeToString(), empty, empty[:, 0]) == 0.0
