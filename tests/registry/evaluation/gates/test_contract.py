"""What a client of Production would notice of another contract."""

from __future__ import annotations

from typing import Any

import pytest

from registry.evaluation.gates.contract import ContractCompatible, ContractMeasured, contract_breaks
from registry.model.contract import Contract, Histogram, HistoryFeature, Input
from tests.candidates import contract
from tests.contracts import FORM, category, number, raw_contract
from tests.registry.graphs import first_input, scorer_of
from tests.registry.trials import rows_of, scored, small_trial


def feature(name: str, **changed: Any) -> HistoryFeature:
    fields = {"entity": "card", "aggregate": "count", "window_days": 7}
    return HistoryFeature.model_validate({"name": name, **fields, **changed})


def taking(*inputs: Input, history: tuple[HistoryFeature, ...] = ()) -> Contract:
    return contract().model_copy(update={"inputs": inputs, "history_features": history})


PRODUCTION = taking(
    number("amount"),
    number("age", nullable=True),
    category("channel", "shop", "web"),
    number("card_count_7d"),
    history=(feature("card_count_7d"),),
)
AMOUNT, AGE, CHANNEL, COUNT = PRODUCTION.inputs
HISTORY = PRODUCTION.history_features


@pytest.mark.parametrize(
    ("candidate", "breaks"),
    [
        (PRODUCTION, ()),
        (taking(COUNT, CHANNEL, AGE, AMOUNT, history=HISTORY), ()),
        (taking(AMOUNT, AGE, CHANNEL, history=HISTORY), ("input card_count_7d is gone",)),
        (taking(*PRODUCTION.inputs, number("hour"), history=HISTORY), ("input hour is new",)),
        (
            taking(*PRODUCTION.inputs, number("hour", nullable=True), history=HISTORY),
            ("input hour is new",),
        ),
        (
            taking(category("amount", "low"), AGE, CHANNEL, COUNT, history=HISTORY),
            ("input amount was a number, is a category",),
        ),
        (
            taking(AMOUNT, number("age"), CHANNEL, COUNT, history=HISTORY),
            ("input age may no longer be missing",),
        ),
        (taking(number("amount", nullable=True), AGE, CHANNEL, COUNT, history=HISTORY), ()),
        (
            taking(AMOUNT, AGE, category("channel", "shop"), COUNT, history=HISTORY),
            ("input channel no longer knows web",),
        ),
        (
            taking(AMOUNT, AGE, category("channel", "phone"), COUNT, history=HISTORY),
            ("input channel no longer knows shop, web",),
        ),
        (
            taking(AMOUNT, AGE, category("channel", "web", "app", "shop"), COUNT, history=HISTORY),
            (),
        ),
        *(
            (
                taking(*PRODUCTION.inputs, history=(feature("card_count_7d", **changed),)),
                ("feature card_count_7d is computed differently",),
            )
            for changed in (
                {"window_days": 8},
                {"delay_days": 1},
                {"entity": "shop"},
                {"aggregate": "mean_amount"},
            )
        ),
        (
            taking(number("age", nullable=True), number("hour"), CHANNEL, COUNT, history=HISTORY),
            ("input amount is gone", "input hour is new"),
        ),
    ],
)
def test_what_breaks_a_client_of_production(candidate: Contract, breaks: tuple[str, ...]) -> None:
    assert contract_breaks(candidate, PRODUCTION) == breaks


def test_the_contracts_of_both_models_are_compared() -> None:
    before = scored([0.9, 0.1], scorer_of(first_input(), taking(number("amount"))))
    after = scored([0.9, 0.1], scorer_of(first_input(), taking(number("euros"))))
    found = ContractCompatible().measure(small_trial(rows_of([1, 0]), after, before))
    assert found.breaks == ("input amount is gone", "input euros is new")


def test_one_break_is_enough_to_fail() -> None:
    gate = ContractCompatible()
    good, _ = gate.verdicts(ContractMeasured(compared=True, breaks=(), beyond_limits=()))
    bad, _ = gate.verdicts(
        ContractMeasured(
            compared=True, breaks=("input a is gone", "input b is new"), beyond_limits=()
        )
    )
    assert (good.measured, good.bound, good.passed) == (0, 0, True)
    assert (bad.measured, bad.bound, bad.passed) == (2, 0, False)
    assert bad.note == "input a is gone; input b is new"


def test_without_production_nothing_is_compared_and_it_says_so() -> None:
    gate = ContractCompatible()
    found = gate.measure(small_trial(rows_of([1, 0]), scored([0.9, 0.1])))
    assert found == ContractMeasured(compared=False, breaks=(), beyond_limits=())
    verdict, _ = gate.verdicts(found)
    assert (verdict.passed, verdict.note) == (True, "nothing is in Production yet to compare with")


def test_a_contract_beyond_its_limits_fails_with_or_without_production() -> None:
    gate = ContractCompatible()
    huge = taking(category("amount", *(f"c{code}" for code in range(100_000))))
    candidate = scored([0.9, 0.1], scorer_of(first_input(), huge))
    for production in (None, candidate):
        trial = small_trial(rows_of([1, 0]), candidate, production)
        breaks, limits = gate.verdicts(gate.measure(trial))
        assert breaks.passed
        assert (limits.gate, limits.measured, limits.bound) == ("contract.limits", 1, 0)
        assert limits.note == "input amount has 100,000 categories, more than 1,000"
        assert limits.blocks


def test_production_beyond_the_limits_stops_no_candidate_within_them() -> None:
    huge = taking(number("amount", histogram=Histogram(counts=(1,) * 50)))
    before = scored([0.9, 0.1], scorer_of(first_input(), huge))
    after = scored([0.9, 0.1], scorer_of(first_input(), taking(number("amount"))))
    gate = ContractCompatible()
    found = gate.verdicts(gate.measure(small_trial(rows_of([1, 0]), after, before)))
    assert [one.passed for one in found] == [True, True]


@pytest.mark.parametrize(
    ("candidate", "breaks"),
    [
        (raw_contract(), ()),
        (
            raw_contract(version=1, transaction=None),
            ("the service can no longer compute the features of a transaction",),
        ),
        (
            raw_contract(transaction=FORM.model_copy(update={"time": "at", "zoned": False})),
            (
                "a transaction's time was 'time', is 'at'",
                "a transaction's zoned was True, is False",
            ),
        ),
        (
            raw_contract(transaction=FORM.model_copy(update={"entities": ("card", "shop", "ip")})),
            ("entity ip is new",),
        ),
    ],
)
def test_what_a_client_that_sends_transactions_would_notice(
    candidate: Contract, breaks: tuple[str, ...]
) -> None:
    assert contract_breaks(candidate, raw_contract()) == breaks


@pytest.mark.parametrize(
    ("compared", "reach", "before", "note"),
    [
        (True, 14, 14, ""),
        (True, 7, 14, ""),
        (
            True,
            37,
            14,
            "features look back 37 days, Production's 14: a service that computes them goes on "
            "with Production until its store is whole, up to 23 days after the promotion, unless "
            "the days before are loaded (`python -m features load`)",
        ),
        (
            False,
            37,
            0,
            "nothing is in Production yet to compare with; features look back 37 days: a service "
            "that computes them needs so much history (`python -m features load`)",
        ),
    ],
)
def test_the_note_says_from_when_on_features_with_a_longer_reach_are_whole(
    compared: bool, reach: int, before: int, note: str
) -> None:
    measured = ContractMeasured(
        compared=compared,
        breaks=(),
        beyond_limits=(),
        reach_days=reach,
        production_reach_days=before,
    )
    first = ContractCompatible().verdicts(measured)[0]
    assert (first.passed, first.note) == (True, note)


def test_the_reach_of_both_models_is_measured() -> None:
    production, candidate = (
        scored([0.1, 0.2], scorer_of(first_input(), taking(number("amount"), history=history)))
        for history in (
            (feature("a", window_days=7),),
            (feature("a", window_days=7), feature("b", delay_days=7, window_days=30)),
        )
    )
    measured = ContractCompatible().measure(small_trial(rows_of([0, 1]), candidate, production))
    assert (measured.reach_days, measured.production_reach_days) == (37, 7)
