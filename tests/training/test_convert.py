"""The ONNX model gives scikit-learn's probabilities for each model, with gaps and categories."""

from __future__ import annotations

import functools
import math

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline

from registry.model.scorer import SESSION_OPTIONS
from training.calibrate import CalibratedPipeline, Sigmoid
from training.convert import convert
from training.models import MODELS, InputColumns

ROWS = 3000
WIDTH = 5
TREES = ("hist_gradient_boosting", "random_forest")
PARITY = 1e-5


def rows_of(kind: str, seed: int) -> NDArray[np.float32]:
    """Three numbers, a tenth of them missing, and two columns that are numbers or codes."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(ROWS, WIDTH)) * [1, 100, 10_000, 1, 1]
    rows[:, :3][random.random((ROWS, 3)) < 0.1] = np.nan
    if kind == "categories":
        # -1 is the code of a missing category, and of one that did not occur in training.
        rows[:, 3] = random.integers(-1, 4, ROWS)
        rows[:, 4] = random.integers(-1, 12, ROWS)
    return rows.astype(np.float32)


@functools.cache
def fitted(model: str, kind: str) -> tuple[Pipeline, onnxruntime.InferenceSession]:
    rows = rows_of(kind, seed=1)
    signal = np.nan_to_num(rows[:, 0]) + (rows[:, 3] == 2) + np.nan_to_num(rows[:, 1]) / 200
    labels = (signal + np.random.default_rng(2).normal(size=ROWS) > 2).astype(np.int8)
    columns = InputColumns(3, [4, 12]) if kind == "categories" else InputColumns(WIDTH, [])
    pipeline = MODELS[model].build(columns, MODELS[model].defaults, 0).fit(rows, labels)
    return pipeline, open_session(convert(pipeline, WIDTH).SerializeToString())


def open_session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    for name, threads in SESSION_OPTIONS.items():
        setattr(options, name, threads)
    return onnxruntime.InferenceSession(
        content, sess_options=options, providers=["CPUExecutionProvider"]
    )


def check_interface(session: onnxruntime.InferenceSession) -> None:
    """One float input of any number of rows, one output called `probability`."""
    [inputs], [output] = session.get_inputs(), session.get_outputs()
    assert (inputs.type, inputs.shape) == ("tensor(float)", [None, 5])
    assert (output.name, output.type, len(output.shape)) == ("probability", "tensor(float)", 1)


def score(session: onnxruntime.InferenceSession, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    (probability,) = session.run(None, {"inputs": rows})
    return np.asarray(probability)


@pytest.mark.parametrize("kind", ["numbers", "categories"])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_onnx_model_gives_the_probabilities_of_scikit_learn(model: str, kind: str) -> None:
    pipeline, session = fitted(model, kind)
    unseen = rows_of(kind, seed=9)

    difference = np.abs(score(session, unseen) - pipeline.predict_proba(unseen)[:, 1])

    assert np.isnan(unseen).any()
    assert float(difference.max()) < PARITY


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_row_with_only_missing_values_is_scored_too(model: str) -> None:
    pipeline, session = fitted(model, "categories")
    row = np.array([[np.nan, np.nan, np.nan, -1, -1]], np.float32)

    difference = float(score(session, row)[0]) - float(pipeline.predict_proba(row)[0, 1])

    assert abs(difference) < PARITY


@pytest.mark.parametrize("kind", ["numbers", "categories"])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_there_is_one_float_input_and_one_output_called_probability(model: str, kind: str) -> None:
    _, session = fitted(model, kind)

    check_interface(session)
    assert score(session, rows_of(kind, seed=9)[:7]).shape == (7,)


@pytest.mark.parametrize("kind", ["numbers", "categories"])
@pytest.mark.parametrize("model", TREES)
def test_trees_give_bit_identical_probabilities_for_a_row_alone_and_in_a_batch(
    model: str, kind: str
) -> None:
    _, session = fitted(model, kind)
    rows = rows_of(kind, seed=9)[:500]

    alone = [score(session, rows[index : index + 1])[0] for index in range(len(rows))]

    assert np.array_equal(score(session, rows), alone)


@pytest.mark.parametrize("sigmoid", [Sigmoid(1.0, -math.log(50)), Sigmoid(0.6, -4), Sigmoid(3, 1)])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_calibrated_model_gives_the_probabilities_of_scikit_learn(
    model: str, sigmoid: Sigmoid
) -> None:
    pipeline, _ = fitted(model, "categories")
    calibrated = CalibratedPipeline(pipeline, sigmoid)
    session = open_session(convert(calibrated, WIDTH).SerializeToString())
    unseen = rows_of("categories", seed=9)

    expected = calibrated.predict_proba(unseen)[:, 1]

    assert float(np.abs(score(session, unseen) - expected).max()) < PARITY
    assert expected.max() > 1.2 * expected.min()
    check_interface(session)


@pytest.mark.parametrize("model", TREES)
def test_calibrated_trees_are_bit_identical_for_a_row_alone_and_in_a_batch(model: str) -> None:
    pipeline, _ = fitted(model, "numbers")
    calibrated = CalibratedPipeline(pipeline, Sigmoid(0.8, -2.0))
    session = open_session(convert(calibrated, WIDTH).SerializeToString())
    rows = rows_of("numbers", seed=9)[:500]

    alone = [score(session, rows[index : index + 1])[0] for index in range(len(rows))]

    assert np.array_equal(score(session, rows), alone)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_calibration_adds_no_operator(model: str) -> None:
    pipeline, _ = fitted(model, "categories")

    plain = convert(pipeline, WIDTH)
    calibrated = convert(CalibratedPipeline(pipeline, Sigmoid(0.8, -2.0)), WIDTH)

    assert [node.op_type for node in calibrated.graph.node] == [
        node.op_type for node in plain.graph.node
    ]


def test_a_model_that_a_sigmoid_cannot_be_written_into_is_refused() -> None:
    rows = rows_of("numbers", seed=1)[:200, 3:]
    pipeline = make_pipeline(GaussianNB()).fit(rows, np.arange(200) % 2)

    with pytest.raises(ValueError, match="no classifier that a sigmoid can be written into"):
        convert(CalibratedPipeline(pipeline, Sigmoid(0.8, -2.0)), 2)
