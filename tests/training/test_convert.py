"""The ONNX model gives scikit-learn's probabilities: for each model, with gaps and categories."""

from __future__ import annotations

import functools

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from registry.scorer import SESSION_OPTIONS
from training.convert import convert
from training.models import MODELS, Columns

ROWS = 3000
WIDTH = 5
TREES = ("hist_gradient_boosting", "random_forest")
PARITY = 1e-5


def rows_of(kind: str, seed: int) -> NDArray[np.float32]:
    """Three numbers with gaps of one in ten, and two columns: numbers too, or codes."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(ROWS, WIDTH)) * [1, 100, 10_000, 1, 1]
    rows[:, :3][random.random((ROWS, 3)) < 0.1] = np.nan
    if kind == "categories":
        # -1 is what a missing category and one that training never saw become.
        rows[:, 3] = random.integers(-1, 4, ROWS)
        rows[:, 4] = random.integers(-1, 12, ROWS)
    return rows.astype(np.float32)


@functools.cache
def fitted(model: str, kind: str) -> tuple[Pipeline, onnxruntime.InferenceSession]:
    rows = rows_of(kind, seed=1)
    signal = np.nan_to_num(rows[:, 0]) + (rows[:, 3] == 2) + np.nan_to_num(rows[:, 1]) / 200
    labels = (signal + np.random.default_rng(2).normal(size=ROWS) > 2).astype(np.int8)
    columns = Columns(3, [4, 12]) if kind == "categories" else Columns(WIDTH, [])
    pipeline = MODELS[model].build(columns, MODELS[model].defaults, 0).fit(rows, labels)
    options = onnxruntime.SessionOptions()
    for name, threads in SESSION_OPTIONS.items():
        setattr(options, name, threads)
    content = convert(pipeline, WIDTH).SerializeToString()
    return pipeline, onnxruntime.InferenceSession(
        content, sess_options=options, providers=["CPUExecutionProvider"]
    )


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
def test_a_row_of_nothing_but_gaps_is_scored_too(model: str) -> None:
    pipeline, session = fitted(model, "categories")
    row = np.array([[np.nan, np.nan, np.nan, -1, -1]], np.float32)

    difference = float(score(session, row)[0]) - float(pipeline.predict_proba(row)[0, 1])

    assert abs(difference) < PARITY


@pytest.mark.parametrize("kind", ["numbers", "categories"])
@pytest.mark.parametrize("model", sorted(MODELS))
def test_there_is_one_float_input_and_one_output_called_probability(model: str, kind: str) -> None:
    _, session = fitted(model, kind)
    [given], [made] = session.get_inputs(), session.get_outputs()

    assert (given.type, given.shape) == ("tensor(float)", [None, 5])
    assert (made.name, made.type, len(made.shape)) == ("probability", "tensor(float)", 1)
    assert score(session, rows_of(kind, seed=9)[:7]).shape == (7,)


@pytest.mark.parametrize("kind", ["numbers", "categories"])
@pytest.mark.parametrize("model", TREES)
def test_trees_give_a_row_alone_the_same_bits_as_in_a_batch(model: str, kind: str) -> None:
    _, session = fitted(model, kind)
    rows = rows_of(kind, seed=9)[:500]

    alone = [score(session, rows[index : index + 1])[0] for index in range(len(rows))]

    assert np.array_equal(score(session, rows), alone)
