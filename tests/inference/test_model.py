"""The served model: how it decides, and what has to hold before it is served."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from inference.model import ServedModel, load_model
from inference.transaction import InvalidTransaction
from registry.errors import ContractError
from registry.model.scorer import Value
from tests.candidates import NAMES, contract, files_of, saved_model
from tests.contracts import number
from tests.inference.models import served, three_inputs, weighted_sum, write_model


@pytest.mark.parametrize(
    ("amount", "decision"),
    [(0.0, "approve"), (0.499, "approve"), (0.5, "review"), (0.501, "review"), (1.0, "review")],
)
def test_a_probability_that_reaches_the_threshold_is_reviewed(amount: float, decision: str) -> None:
    model = served(number("amount"), weights=(1.0,), threshold=0.5)
    assert model.decide(model.score([amount])[1]) == decision


def test_a_threshold_taken_from_a_score_reviews_that_score_and_approves_the_next_below() -> None:
    score = np.float32(0.1)
    model = served(number("amount"), weights=(1.0,), threshold=float(score))
    at = model.score([float(score)])[1]
    below = model.score([float(np.nextafter(score, np.float32(0)))])[1]
    assert (at, model.decide(at)) == (0.10000000149011612, "review")
    assert (below, model.decide(below)) == (0.09999999403953552, "approve")


@pytest.mark.parametrize("amounts", [(3e38, -3e38), (3e38, 3e38), (-3e38, -3e38)])
def test_a_score_that_is_not_finite_is_refused(amounts: tuple[float, float]) -> None:
    model = served(number("in"), number("out"), weights=(10.0, 10.0))
    with pytest.raises(InvalidTransaction, match="The model cannot score these values"):
        model.score(amounts)


def test_the_digest_is_of_the_onnx_file() -> None:
    model = served(number("amount"), weights=(1.0,))
    assert model.digest == hashlib.sha256(weighted_sum(1.0)).hexdigest()


def test_the_digest_is_shown_by_its_first_twelve_characters() -> None:
    model = three_inputs()
    assert model.short_digest == model.digest[:12]
    assert len(model.short_digest) == 12


def test_rows_in_a_batch_score_bit_identical_to_each_alone() -> None:
    model = three_inputs()
    rows: list[list[Value]] = [[0.1, None, "FR"], [0.3, 7.7, "XX"], [-1e10, 0.0, None]]
    encoded, probabilities = model.score_many(rows)
    alone = [model.score(row) for row in rows]
    assert encoded.tobytes() == np.concatenate([row for row, _ in alone]).tobytes()
    assert probabilities.tolist() == [probability for _, probability in alone]
    assert encoded.shape == (3, 3)
    assert encoded.dtype == np.float32


def test_of_many_rows_the_first_that_cannot_be_scored_is_named() -> None:
    model = served(number("in"), number("out"), weights=(10.0, 10.0))
    with pytest.raises(InvalidTransaction) as refusal:
        model.score_many([[0.1, 0.1], [3e38, -3e38], [3e38, 3e38]])
    assert refusal.value.errors[0]["loc"] == ["body", "transactions", 1]


def load(folder: Path) -> ServedModel:
    return load_model(files_of(folder), three_inputs().link)


def test_a_model_is_loaded_with_its_contract_and_the_entry_it_belongs_to() -> None:
    model = load(saved_model(1.0))
    assert model.contract == contract()
    assert model.version == 7
    assert 0 <= model.score([0.0, 0.0, 0.0])[1] < 0.5


def test_unknown_fields_and_the_largest_batch_are_the_settings() -> None:
    link = three_inputs().link
    model = load_model(files_of(saved_model(1.0)), link, unknown="ignore", max_rows=1)
    row = dict.fromkeys(NAMES, 0.0) | {"other": 1}
    assert model.reader.read(json.dumps(row).encode()) == [0.0, 0.0, 0.0]
    with pytest.raises(InvalidTransaction, match="at most 1 item"):
        model.reader.read_batch(json.dumps({"transactions": [row, row]}).encode())


def test_signed_files_that_are_not_a_model_are_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", b"no model", number("amount"))
    with pytest.raises(ContractError, match="is not a model that onnxruntime can load"):
        load(folder)


def test_a_model_that_takes_more_inputs_than_its_contract_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", weighted_sum(1.0, 1.0), number("amount"))
    with pytest.raises(ContractError, match="must take one float32 input of shape"):
        load(folder)


def test_a_model_without_a_probability_for_its_reference_values_is_refused(tmp_path: Path) -> None:
    inputs = (number("in", reference=3e38), number("out", reference=-3e38))
    folder = write_model(tmp_path / "model", weighted_sum(10.0, 10.0), *inputs)
    with pytest.raises(ContractError, match="gives no probability for its reference values"):
        load(folder)


def test_a_model_that_fails_on_its_first_row_is_not_served(tmp_path: Path) -> None:
    """onnxruntime raises errors of its own, which the follower must survive."""
    folder = write_model(tmp_path / "model", weighted_sum(1.0, rows=2), number("amount"))
    with pytest.raises(Exception, match="Reshape"):
        load(folder)
