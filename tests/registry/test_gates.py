"""The gates: what passes, what fails, and at which number exactly."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from registry.contract import Contract, Histogram, Input
from registry.gates import (
    ContractCompatible,
    Floor,
    Measurements,
    NoWorse,
    Parity,
    Verdict,
    contract_breaks,
    gates_of,
    judge,
)
from registry.metrics import Detection
from registry.policy import Policy
from tests.candidates import contract

GOOD = Detection(average_precision=0.75, roc_auc=0.875, budget_precision=0.5, budget_recall=0.25)
POLICY = Policy(
    name="test",
    alert_budget_per_day=5,
    floor={"average_precision": 0.5, "budget_recall": 0.125},
    no_worse_margin={"roc_auc": 0.125},
    parity_tolerance=1e-5,
)


def measured(
    candidate: Detection = GOOD,
    production: Detection | None = GOOD,
    breaks: tuple[str, ...] = (),
    difference: float = 0.0,
    rows: int = 100,
) -> Measurements:
    return Measurements(
        candidate=candidate,
        production=production,
        contract_breaks=breaks,
        parity_difference=difference,
        parity_rows=rows,
    )


def category(*categories: str, nullable: bool = False) -> Input:
    return Input(
        name="risk_7d",
        kind="category",
        nullable=nullable,
        categories=categories,
        reference=categories[0],
        histogram=Histogram(counts=(1,) * len(categories)),
    )


def changed(original: Contract, place: int, **changes: object) -> Contract:
    inputs = list(original.inputs)
    inputs[place] = inputs[place].model_copy(update=changes)
    return original.model_copy(update={"inputs": tuple(inputs)})


def test_a_floor_is_reached_at_its_bound() -> None:
    assert Floor("average_precision", 0.75).judge(measured()).passed
    assert not Floor("average_precision", 0.7500001).judge(measured()).passed


def test_a_verdict_says_what_was_asked_measured_and_bound() -> None:
    assert Floor("budget_recall", 0.5).judge(measured()) == Verdict(
        gate="floor.budget_recall",
        asks="alert-budget recall is at least 0.5",
        measured=0.25,
        bound=0.5,
        passed=False,
    )


def test_no_worse_is_reached_at_its_margin() -> None:
    behind = replace(GOOD, average_precision=0.5)
    assert NoWorse("average_precision", 0.25).judge(measured(behind)).passed
    assert not NoWorse("average_precision", 0.2499999).judge(measured(behind)).passed


def test_no_worse_shows_the_difference_and_what_production_has() -> None:
    verdict = NoWorse("roc_auc", 0.125).judge(measured(replace(GOOD, roc_auc=0.5)))
    assert (verdict.measured, verdict.bound, verdict.passed) == (-0.375, -0.125, False)
    assert verdict.note == "Production has 0.8750"


def test_a_better_candidate_is_no_worse() -> None:
    verdict = NoWorse("roc_auc", 0.0).judge(measured(replace(GOOD, roc_auc=1.0)))
    assert (verdict.measured, verdict.passed) == (0.125, True)


def test_with_nothing_in_production_no_worse_passes_and_says_so() -> None:
    verdict = NoWorse("roc_auc", 0.0).judge(measured(production=None))
    assert (verdict.measured, verdict.passed) == (0.0, True)
    assert verdict.note == "nothing is in Production yet to compare with"


def test_every_break_of_the_contract_is_in_the_verdict() -> None:
    verdict = ContractCompatible().judge(measured(breaks=("input a is gone", "input b is gone")))
    assert (verdict.measured, verdict.passed) == (2.0, False)
    assert verdict.note == "input a is gone; input b is gone"
    assert ContractCompatible().judge(measured()).passed


@pytest.mark.parametrize(
    ("difference", "rows", "passed"),
    [(1e-5, 100, True), (1.1e-5, 100, False), (0.0, 0, False), (float("nan"), 100, False)],
)
def test_parity_needs_rows_and_a_small_difference(
    difference: float, rows: int, passed: bool
) -> None:
    unchecked = measured(rows=rows).model_copy(update={"parity_difference": difference})
    assert Parity(1e-5).judge(unchecked).passed is passed


def test_a_measurement_that_is_no_number_passes_no_gate() -> None:
    broken = replace(GOOD, average_precision=float("nan"))
    assert not Floor("average_precision", 0.0).judge(measured(broken)).passed
    assert not NoWorse("average_precision", 1.0).judge(measured(broken)).passed
    assert not NoWorse("average_precision", 1.0).judge(measured(production=broken)).passed


def test_a_parity_difference_that_is_no_number_cannot_be_recorded() -> None:
    with pytest.raises(ValidationError):
        measured(difference=float("nan"))


def test_a_policy_asks_for_these_gates_in_this_order() -> None:
    assert [str(gate) for gate in gates_of(POLICY)] == [
        "average precision is at least 0.5",
        "alert-budget recall is at least 0.125",
        "roc auc is no more than 0.125 below Production's",
        "everything a client of Production sends is still accepted",
        "the ONNX model gives scikit-learn's probabilities within 1e-05",
    ]
    assert [verdict.gate for verdict in judge(measured(), POLICY)] == [
        "floor.average_precision",
        "floor.budget_recall",
        "no_worse.roc_auc",
        "contract",
        "parity",
    ]


def test_judging_measurements_that_were_stored_gives_the_same_verdicts() -> None:
    original = measured(replace(GOOD, average_precision=0.1 + 0.2), difference=1 / 3)
    stored = Measurements.model_validate_json(original.model_dump_json())
    assert judge(stored, POLICY) == judge(original, POLICY)


def test_a_verdict_reads_as_one_line() -> None:
    verdict = NoWorse("roc_auc", 0.0).judge(measured(production=None))
    assert str(verdict) == (
        "no_worse.roc_auc passed: 0 against -0 (nothing is in Production yet to compare with)"
    )


def test_equal_contracts_do_not_break() -> None:
    assert contract_breaks(contract(), contract()) == ()


def test_an_input_that_is_gone_breaks_the_contract() -> None:
    smaller = contract(("amount", "risk_7d"))
    assert contract_breaks(smaller, contract()) == ("input count_7d is gone",)


def test_a_new_input_breaks_the_contract_unless_it_may_be_missing() -> None:
    smaller = contract(("amount", "risk_7d"))
    assert contract_breaks(contract(), smaller) == ("input count_7d is new and may not be missing",)
    assert contract_breaks(changed(contract(), 1, nullable=True), smaller) == ()


def test_an_input_that_may_not_be_missing_any_more_breaks_the_contract() -> None:
    lenient = changed(contract(), 0, nullable=True)
    assert contract_breaks(contract(), lenient) == ("input amount may not be missing any more",)
    assert contract_breaks(lenient, contract()) == ()


def test_an_input_of_another_kind_breaks_the_contract() -> None:
    other = contract().model_copy(
        update={"inputs": (*contract().inputs[:2], category("low", "high"))}
    )
    assert contract_breaks(other, contract()) == ("input risk_7d was a number, is a category",)


def test_the_order_of_inputs_and_a_forgotten_category_do_not_break_the_contract() -> None:
    one = contract().model_copy(update={"inputs": (category("a", "b"), contract().inputs[0])})
    other = contract().model_copy(update={"inputs": (contract().inputs[0], category("a"))})
    assert contract_breaks(other, one) == ()


def test_all_breaks_are_listed_in_alphabetical_order() -> None:
    assert contract_breaks(contract(("b", "a")), contract(("d", "c"))) == (
        "input a is new and may not be missing",
        "input b is new and may not be missing",
        "input c is gone",
        "input d is gone",
    )
