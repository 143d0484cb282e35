"""Raw values to probabilities: codes, missing values, and models that are refused."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from registry.errors import ContractError, UsageError
from registry.model.contract import Contract
from registry.model.scorer import MODEL_FILE, Scorer, Value, encode_columns, open_model
from tests.candidates import contract, files_of, numbers, pipeline, saved_model
from tests.contracts import category
from training.convert import convert

BRAND = category("brand", "visa", "amex", "None", "nan", nullable=True)
AMOUNT = contract(("amount",)).inputs[0]
MIXED = contract().model_copy(update={"inputs": (AMOUNT, BRAND)})


@pytest.fixture(scope="module")
def mixed() -> Scorer:
    """A scorer whose first input is a number and whose second is a category."""
    model = saved_model(1.0, ("amount", "brand")) / MODEL_FILE
    return Scorer(model.read_bytes(), MIXED)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return open_model(files_of(saved_model(1.0)))


def onnx_model(
    shape: list[str | int | None],
    *,
    kind: int = TensorProto.FLOAT,
    output: str = "probability",
    output_shape: list[str | int | None] | None = None,
    weights: onnx.TensorProto | None = None,
) -> bytes:
    """The mean of each row's inputs times a weight, as an ONNX model."""
    width = shape[-1] if isinstance(shape[-1], int) else 1
    weight = weights or numpy_helper.from_array(np.full((width, 1), 0.25, np.float32), "weight")
    axes = numpy_helper.from_array(np.array([1]), "axes")
    result = [None] if output_shape is None else output_shape
    nodes = [
        helper.make_node("Cast", ["rows"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["floats", "weight"], ["product"]),
        helper.make_node("ReduceMean", ["product", "axes"], [output], keepdims=len(result) - 1),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("rows", kind, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, result)],
        [weight, axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def test_a_category_becomes_its_code(mixed: Scorer) -> None:
    assert mixed.encode([12.5, "visa"]).tolist() == [[12.5, 0.0]]
    assert mixed.encode([12.5, "amex"]).tolist() == [[12.5, 1.0]]


@pytest.mark.parametrize("value", ["diners", "", "VISA", None])
def test_a_missing_or_unknown_category_becomes_minus_one(mixed: Scorer, value: str | None) -> None:
    assert mixed.encode([0.0, value]).tolist() == [[0.0, -1.0]]


@pytest.mark.parametrize("value", ["5411", "5411.0", 5411, 5411.0])
def test_a_whole_number_is_one_category_however_it_is_written(value: Value) -> None:
    assert encode_columns({"mcc": [value]}, [category("mcc", "5411")]).tolist() == [[0.0]]


def test_an_exact_match_comes_first_for_models_trained_before_texts_were_canonical() -> None:
    assert encode_columns({"mcc": ["5411.0"]}, [category("mcc", "5411.0")]).tolist() == [[0.0]]


def test_a_category_column_of_inexact_floats_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'card': 9007199254740992\.0 is a float .* as text"):
        encode_columns({"card": [2.0**53]}, [category("card", "1")])


def test_a_category_may_have_the_name_of_a_missing_value(mixed: Scorer) -> None:
    assert mixed.encode([0.0, "None"]).tolist() == [[0.0, 2.0]]
    assert mixed.encode([0.0, "nan"]).tolist() == [[0.0, 3.0]]
    coded = encode_columns({"brand": ["None", "nan", None, math.nan]}, [BRAND])
    assert coded.tolist() == [[2.0], [3.0], [-1.0], [-1.0]]


def test_a_missing_number_becomes_nan(mixed: Scorer) -> None:
    row = mixed.encode([None, "visa"])
    assert math.isnan(row[0, 0])
    assert row.dtype == np.float32
    assert row.shape == (1, 2)


def test_too_few_values_are_not_scored(mixed: Scorer) -> None:
    with pytest.raises(ValueError, match="1 values for 2 inputs"):
        mixed.encode([1.0])


numbers_or_none = st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False)
brands = st.none() | st.sampled_from(BRAND.categories) | st.text(max_size=3)


@given(st.lists(st.tuples(numbers_or_none, brands), min_size=1, max_size=20))
def test_columns_are_encoded_bit_identical_to_rows(
    mixed: Scorer, rows: list[tuple[float | None, str | None]]
) -> None:
    columns: dict[str, list[Value]] = {
        "amount": [amount for amount, _ in rows],
        "brand": [brand for _, brand in rows],
    }
    by_row = np.concatenate([mixed.encode(row) for row in rows])
    by_column = encode_columns(columns, MIXED.inputs)
    assert by_row.tobytes() == by_column.tobytes()
    assert by_row.shape == by_column.shape


def test_columns_are_found_by_name_and_others_ignored() -> None:
    columns: dict[str, list[Value]] = {"other": [9.0], "brand": ["amex"], "amount": [1.5]}
    assert encode_columns(columns, MIXED.inputs).tolist() == [[1.5, 1.0]]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UsageError, match="the rows have no column 'brand'"):
        encode_columns({"amount": [1.0]}, MIXED.inputs)


def test_a_column_with_text_instead_of_numbers_is_named() -> None:
    with pytest.raises(UsageError, match="column 'amount' holds a value that is not a number"):
        encode_columns({"amount": ["much"], "brand": ["visa"]}, MIXED.inputs)


def test_the_scorer_returns_the_pipelines_probabilities(scorer: Scorer) -> None:
    rows = numbers(50).astype(np.float32)
    expected = pipeline(1.0).predict_proba(rows)[:, 1]
    scores = scorer.score(rows)
    assert scores.dtype == np.float32
    assert scores.shape == (50,)
    assert np.abs(scores - expected).max() < 1e-6


def test_one_by_one_equals_each_row_alone(scorer: Scorer) -> None:
    rows = numbers(20).astype(np.float32)
    alone = [float(scorer.score(row.reshape(1, -1))[0]) for row in rows]
    assert scorer.score_one_by_one(rows).tolist() == alone


def wide_scorer(model: Pipeline) -> Scorer:
    """The scorer of a model of 30 inputs, enough for its sums to depend on their order."""
    rows = numbers(2000, 30, seed=3).astype(np.float32)
    fitted = model.fit(rows, rows.sum(axis=1) > 6)
    names = tuple(f"input_{number}" for number in range(30))
    return Scorer(convert(fitted, 30).SerializeToString(), contract(names))


def in_other_ways(scorer: Scorer, rows: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """The scores of the rows, in the rows' order, scored in other batches and in another order."""
    batches = {
        f"batches of {size}": np.concatenate(
            [scorer.score(rows[start : start + size]) for start in range(0, len(rows), size)]
        )
        for size in (2, 7, 400)
    }
    return batches | {"reversed": scorer.score(rows[::-1])[::-1], "alone": alone(scorer, rows)}


def alone(scorer: Scorer, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([scorer.score(row[np.newaxis]) for row in rows])


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), HistGradientBoostingClassifier(max_iter=20)],
    ids=["linear", "trees"],
)
def test_a_row_gets_the_same_bits_alone_in_any_order_and_in_any_batch(
    model: ClassifierMixin,
) -> None:
    scorer = wide_scorer(make_pipeline(model))
    rows = numbers(1000, 30).astype(np.float32)
    together = scorer.score(rows)
    for way, scores in in_other_ways(scorer, rows).items():
        assert scores.tobytes() == together.tobytes(), way


def test_a_linear_model_that_is_scored_in_one_call_would_depend_on_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If this fails, onnxruntime has changed, and rows need not be scored one by one."""
    monkeypatch.setattr("registry.model.scorer.MATRIX_OPERATORS", ())
    scorer = wide_scorer(make_pipeline(LogisticRegression()))
    rows = numbers(1000, 30).astype(np.float32)
    assert scorer.score(rows).tobytes() != alone(scorer, rows).tobytes()


def test_no_rows_get_no_scores(scorer: Scorer) -> None:
    assert scorer.score(np.empty((0, 3), dtype=np.float32)).shape == (0,)


def test_a_well_made_model_is_accepted() -> None:
    scorer = Scorer(onnx_model([None, 2]), contract(("a", "b")))
    assert scorer.score(np.array([[1, 2], [2, 4]], dtype=np.float32)).tolist() == [0.75, 1.5]


@pytest.mark.parametrize("model", [b"", b"not ONNX", b"\x00" * 100])
def test_a_file_that_is_not_an_onnx_model_is_refused(model: bytes) -> None:
    with pytest.raises(ContractError, match=r"model.onnx is not a model"):
        Scorer(model, contract())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (onnx_model([None, 3]), r"one float32 input of shape \(n, 2\)"),
        (onnx_model([None, 1]), r"one float32 input of shape \(n, 2\)"),
        (onnx_model([1, 2]), r"one float32 input of shape \(n, 2\)"),
        (onnx_model([None, 2], kind=TensorProto.DOUBLE), r"one float32 input of shape \(n, 2\)"),
        (onnx_model([None, 2], output="label"), r"one output `probability` of shape \(n,\)"),
        (onnx_model([None, 2], output_shape=[None, 1]), r"one output `probability`"),
    ],
    ids=["wider", "narrower", "one row only", "double", "another output", "a column"],
)
def test_a_model_with_other_inputs_or_outputs_is_refused(model: bytes, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        Scorer(model, contract(("a", "b")))


def test_external_weights_are_refused_because_they_are_not_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.full((64, 1), 0.25, np.float32).tofile(tmp_path / "weights")
    outside = onnx.TensorProto(
        name="weight",
        data_type=TensorProto.FLOAT,
        dims=[64, 1],
        data_location=TensorProto.EXTERNAL,
        external_data=[onnx.StringStringEntryProto(key="location", value="weights")],
    )
    model = onnx_model([None, 64], weights=outside)
    names = tuple(f"input_{number}" for number in range(64))
    monkeypatch.chdir(tmp_path)
    assert onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    with pytest.raises(ContractError, match=r"model.onnx is not a model"):
        Scorer(model, contract(names))


def test_a_model_folder_opens_with_its_own_contract() -> None:
    opened: Contract = open_model(files_of(saved_model(1.0, threshold=0.25))).contract
    assert opened == contract(threshold=0.25)


@pytest.mark.parametrize("name", ["MLmodel", "model.onnx"])
def test_a_model_that_lacks_a_file_is_refused(name: str) -> None:
    files = dict(files_of(saved_model(1.0)))
    del files[name]
    with pytest.raises(ContractError, match=f"^the model has no file {name}$"):
        open_model(files)


def test_the_bytes_of_the_model_are_not_kept() -> None:
    held = files_of(saved_model(1.0))[MODEL_FILE]
    before = sys.getrefcount(held)
    scorer = Scorer(held, contract())
    assert sys.getrefcount(held) == before
    assert scorer.score(np.zeros((1, 3), dtype=np.float32)).shape == (1,)
