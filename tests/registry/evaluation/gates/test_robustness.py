"""Odd input and tiny changes, on models whose answers are plain from their graph."""

from __future__ import annotations

from math import nextafter
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from registry.evaluation.gates.gate import Trial
from registry.evaluation.gates.robustness import Robustness, RobustnessMeasured, _spreads
from registry.model.contract import Contract
from registry.model.scorer import OUTPUT
from tests.candidates import contract
from tests.contracts import category
from tests.registry.graphs import INPUT, first_input, integer, model_of, number, scorer_of
from tests.registry.trials import rows_of, scored, small_trial

GATE = Robustness(max_flipped_share=0.01)
NUMBERS = np.linspace(0.1, 0.9, 201)


def taking(**changed: Any) -> Contract:
    fields = {"low": 0.0, "high": 1.0, **changed}
    return contract().model_copy(
        update={"inputs": (contract(("amount",)).inputs[0].model_copy(update=fields),)}
    )


def trial(model: onnx.ModelProto, described: Contract, values: NDArray[Any] = NUMBERS) -> Trial:
    rows = rows_of([1] + [0] * (len(values) - 1), columns=pd.DataFrame({"amount": values}))
    return small_trial(rows, scored([0.0] * len(values), scorer_of(model, described)))


def overflowing() -> onnx.ModelProto:
    """A half, plus x² − x²: not a number where the square is infinite."""
    return model_of(
        [
            helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
            helper.make_node("Mul", ["value", "value"], ["square"]),
            helper.make_node("Sub", ["square", "square"], ["zero"]),
            helper.make_node("Add", ["zero", "half"], [OUTPUT]),
        ],
        [integer("first", 0), number("half", 0.5)],
    )


def strict_about_categories() -> onnx.ModelProto:
    """It knows the codes 0 and 1, and gives up on any other."""
    return model_of(
        [
            helper.make_node(
                "OneHotEncoder", [INPUT], ["o"], domain="ai.onnx.ml", cats_int64s=[0, 1], zeros=0
            ),
            helper.make_node("ReduceMax", ["o", "axes"], [OUTPUT], keepdims=0),
        ],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])],
    )


def steep(around: float, slope: float) -> onnx.ModelProto:
    """0.5 + slope × (x − around), held between 0 and 1."""
    return model_of(
        [
            helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
            helper.make_node("Sub", ["value", "around"], ["moved"]),
            helper.make_node("Mul", ["moved", "slope"], ["steep"]),
            helper.make_node("Add", ["steep", "half"], ["high"]),
            helper.make_node("Clip", ["high", "zero", "one"], [OUTPUT]),
        ],
        [
            integer("first", 0),
            *(number("around", around), number("slope", slope)),
            *(number("half", 0.5), number("zero", 0.0), number("one", 1.0)),
        ],
    )


def test_a_model_that_answers_every_extreme_is_robust() -> None:
    found = GATE.measure(trial(first_input(), taking()))
    # Five extremes for each of the 200 rows that are probed.
    assert found == RobustnessMeasured(probed=1000, invalid=0, flipped_share=0.0)


def test_no_number_for_a_missing_input_that_may_be_missing_is_caught() -> None:
    found = GATE.measure(trial(first_input(), taking(nullable=True)))
    assert (found.probed, found.invalid) == (1200, 200)


def test_no_number_for_extreme_input_is_caught() -> None:
    found = GATE.measure(trial(overflowing(), taking()))
    # The squares of the smallest and the largest float32 are infinite; that of 1e9 is not.
    assert (found.probed, found.invalid) == (1000, 400)


def test_a_model_that_gives_up_on_an_unseen_category_is_caught() -> None:
    kind = category("amount", "shop", "web")
    described = contract().model_copy(update={"inputs": (kind,)})
    values = np.array(["shop", "web"] * 50)
    found = GATE.measure(trial(strict_about_categories(), described, values))
    assert (found.probed, found.invalid) == (100, 100)


def test_values_outside_zero_and_one_are_caught() -> None:
    plain = model_of(
        [helper.make_node("Gather", [INPUT, "first"], [OUTPUT], axis=1)], [integer("first", 0)]
    )
    found = GATE.measure(trial(plain, taking()))
    assert (found.probed, found.invalid) == (1000, 800)


def with_spread(value: float, spread: float, count: int = 200) -> NDArray[np.float64]:
    """Rows of one value, but for a twentieth that lie half a spread above and below it."""
    ends = count // 40
    low, high = np.full(ends, value - spread / 2), np.full(ends, value + spread / 2)
    return np.concatenate([np.full(count - 2 * ends, value), low, high])


def test_a_model_that_flips_on_a_tiny_change_is_caught() -> None:
    """Nearly all rows lie at the threshold of a cliff: those moved below it flip."""
    found = GATE.measure(trial(steep(0.3, 1e6), taking(), with_spread(0.3, 1.0)))
    assert 0.35 < found.flipped_share < 0.65
    assert [one.passed for one in GATE.verdicts(found)] == [True, False]


def test_away_from_the_threshold_the_same_cliff_flips_nothing() -> None:
    found = GATE.measure(trial(steep(0.3, 1e6), taking(), with_spread(0.4, 0.1)))
    assert found.flipped_share == 0.0


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.3), (None, None), (-1e6, 1e6)])
def test_the_ranges_of_the_contract_which_the_author_writes_change_nothing(
    low: float | None, high: float | None
) -> None:
    """A range without width would move nothing, and so hide the cliff."""
    lying = taking(low=low, high=high)
    values = with_spread(0.3, 1.0)
    assert GATE.measure(trial(steep(0.3, 1e6), lying, values)) == GATE.measure(
        trial(steep(0.3, 1e6), taking(), values)
    )


@pytest.mark.parametrize(("tiny_change", "share"), [(0.00001, 0.0), (0.01, 0.5)])
def test_a_change_is_tiny_against_the_spread_of_the_evaluation_rows(
    tiny_change: float, share: float
) -> None:
    """Rows 0.002 above the threshold, of a spread of 1."""
    gate = Robustness(max_flipped_share=0.01, tiny_change=tiny_change)
    found = gate.measure(trial(steep(0.3, 1.0), taking(), with_spread(0.302, 1.0, 2000)))
    assert found.flipped_share == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        (np.linspace(0, 100, 101), 98.0),
        (np.append(np.linspace(0, 100, 1001), 1e9), pytest.approx(98.0, abs=0.1)),
        (np.append(np.zeros(999), 5.0), 5.0),
        (np.append(np.linspace(0, 100, 101), np.nan), 98.0),
        (np.full(10, 3.0), 0.0),
        (np.full(10, np.nan), 0.0),
    ],
    ids=["percentiles", "an outlier", "nearly constant", "a gap", "constant", "missing"],
)
def test_the_spread_of_an_input(values: NDArray[np.float64], spread: float) -> None:
    rows = values.astype(np.float32).reshape(-1, 1)
    assert _spreads(rows, taking()).tolist() == [spread]


def test_a_category_is_not_moved() -> None:
    described = contract().model_copy(update={"inputs": (category("amount", "shop", "web"),)})
    assert _spreads(np.array([[0.0], [1.0]], dtype=np.float32), described).tolist() == [0.0]


def test_the_threshold_is_that_of_the_contract() -> None:
    elsewhere = taking().model_copy(update={"threshold": 0.9})
    found = GATE.measure(trial(steep(0.3, 1.0), elsewhere, np.full(200, 0.3)))
    assert found.flipped_share == 0.0


def test_only_a_sample_is_moved_and_two_hundred_rows_are_probed() -> None:
    gate = Robustness(max_flipped_share=0.01, sample=100)
    assert gate.measure(trial(first_input(), taking())).probed == 500


@pytest.mark.parametrize(("invalid", "passed"), [(0, True), (1, False)])
def test_one_answer_that_is_no_probability_is_enough_to_fail(invalid: int, passed: bool) -> None:
    found = RobustnessMeasured(probed=1000, invalid=invalid, flipped_share=0.0)
    odd, _ = GATE.verdicts(found)
    assert (odd.gate, odd.measured, odd.bound) == ("robustness.odd_input", invalid, 0)
    assert odd.note == "of 1,000 scores"
    assert odd.passed is passed


def test_nothing_probed_is_not_robust() -> None:
    odd, _ = GATE.verdicts(RobustnessMeasured(probed=0, invalid=0, flipped_share=0.0))
    assert not odd.passed


@pytest.mark.parametrize(("share", "passed"), [(0.01, True), (nextafter(0.01, 1), False)])
def test_the_flipped_share_passes_at_its_bound(share: float, passed: bool) -> None:
    found = RobustnessMeasured(probed=1, invalid=0, flipped_share=share)
    _, tiny = GATE.verdicts(found)
    assert (tiny.gate, tiny.measured, tiny.bound) == ("robustness.tiny_change", share, 0.01)
    assert tiny.passed is passed
