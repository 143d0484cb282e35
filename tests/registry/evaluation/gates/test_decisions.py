"""What happens at each model's own threshold, by hand on eight transactions of two days."""

from __future__ import annotations

from math import nextafter

import numpy as np
import pytest
from pydantic import ValidationError

from registry.evaluation.gates.decisions import Decisions, DecisionsMeasured
from registry.evaluation.gates.gate import ScoredModel, Trial
from registry.evaluation.gates.no_worse import Interval
from tests.candidates import contract
from tests.registry.graphs import first_input, scorer_of
from tests.registry.trials import (
    AMOUNTS,
    CANDIDATE,
    DAYS,
    LABELS,
    PRODUCTION,
    decided,
    rows_of,
    scored,
    small_trial,
)

ROWS = rows_of(LABELS, days=DAYS, amounts=AMOUNTS)
GATE = Decisions(
    max_alerts_per_day_to_budget=2,
    min_recall=0.5,
    min_money_saved_per_day=0,
    margin={"threshold_recall": 0.1},
    resamples=200,
)


def at_threshold(
    threshold: float, scores: np.typing.NDArray[np.float32] = CANDIDATE
) -> ScoredModel:
    return scored(scores, scorer_of(first_input(), contract(("amount",), threshold=threshold)))


def trial(threshold: float, production: ScoredModel | None = None) -> Trial:
    """The alert budget is one a day, and an alert costs 5."""
    return small_trial(ROWS, at_threshold(threshold), production)


def failed(tried: Trial, gate: Decisions = GATE) -> list[str]:
    return [one.gate for one in gate.verdicts(gate.measure(tried)) if one.blocks]


def test_alerts_recall_and_money_at_the_contracts_threshold() -> None:
    """At 0.5 it finds the frauds of 100 and of 200, one on each day, and misses the one of 50."""
    found = GATE.measure(trial(0.5))
    assert found.threshold == 0.5
    assert found.candidate == {
        "threshold_recall": 2 / 3,
        "threshold_alerts_per_day": 1.0,
        "threshold_money_saved_per_day": (100 + 200 - 2 * 5) / 2,
    }
    assert (found.production, found.intervals, found.alert_budget_per_day) == (None, {}, 1)


def test_a_threshold_that_finds_fraud_within_the_budget_passes() -> None:
    assert failed(trial(0.5)) == []


def test_a_threshold_of_one_reviews_nobody_and_fails() -> None:
    assert failed(trial(1.0)) == ["decisions.threshold_recall"]


def test_no_policy_can_admit_a_model_that_reviews_nobody() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Decisions(max_alerts_per_day_to_budget=2, min_recall=0, min_money_saved_per_day=0)


def test_a_threshold_of_zero_reviews_everybody_and_fails() -> None:
    """Four alerts a day are four times the budget."""
    found = GATE.verdicts(GATE.measure(trial(0.0)))
    assert [one.gate for one in found if one.blocks] == ["decisions.threshold_alerts_per_day"]
    assert found[0].measured == 4.0
    assert found[0].note == "4 a day at the threshold 0, budget 1"


def test_alerts_that_cost_more_than_they_save_fail() -> None:
    poor = rows_of(LABELS, days=DAYS, amounts=np.full(8, 4.0))
    assert failed(small_trial(poor, at_threshold(0.5))) == [
        "decisions.threshold_money_saved_per_day"
    ]


def test_each_model_decides_at_its_own_threshold() -> None:
    """Production finds the fraud of 200 at 0.75, and all three at 0.2."""
    strict, lax = at_threshold(0.75, PRODUCTION), at_threshold(0.2, PRODUCTION)
    behind_the_strict = GATE.measure(trial(0.5, strict)).production
    behind_the_lax = GATE.measure(trial(0.5, lax)).production
    assert behind_the_strict is not None
    assert behind_the_lax is not None
    assert behind_the_strict["threshold_recall"] == pytest.approx(1 / 3)
    assert behind_the_lax["threshold_recall"] == 1.0


def test_fewer_frauds_found_than_in_production_fail_although_the_ranking_is_the_same() -> None:
    """The candidate ranks as Production does; its threshold finds two of the three frauds."""
    assert failed(trial(0.5, at_threshold(0.25))) == ["decisions.threshold_recall.no_worse"]
    assert failed(trial(0.25, at_threshold(0.25))) == []


def test_money_is_compared_where_the_policy_lists_it() -> None:
    gate = GATE.model_copy(update={"margin": {"threshold_money_saved_per_day": 1.0}})
    # The fraud of 50 is worth more than its alert and a false alert.
    assert failed(trial(0.5, at_threshold(0.25)), gate) == [
        "decisions.threshold_money_saved_per_day.no_worse"
    ]


def test_the_number_of_alerts_has_no_margin_because_neither_more_nor_fewer_are_better() -> None:
    with pytest.raises(ValidationError, match="threshold_recall"):
        GATE.model_validate({**GATE.model_dump(), "margin": {"threshold_alerts_per_day": 1}})


def measured(
    candidate: dict[str, float], lower: float = 0.0, frauds: int = 120
) -> DecisionsMeasured:
    return DecisionsMeasured(
        threshold=0.5,
        candidate=candidate,
        production=decided(0.8),
        intervals={"threshold_recall": Interval(difference=0.01, lower=lower, upper=0.2)},
        alert_budget_per_day=2,
        independent_frauds=frauds,
        earlier_looks=0,
    )


@pytest.mark.parametrize(("recall", "passed"), [(0.5, True), (nextafter(0.5, 0), False)])
def test_recall_passes_at_its_bound(recall: float, passed: bool) -> None:
    _, verdict, *_ = GATE.verdicts(measured(decided(recall)))
    assert (verdict.measured, verdict.bound, verdict.passed) == (recall, 0.5, passed)
    assert verdict.asks == "recall at the threshold is at least 0.5"
    assert verdict.note == "at the threshold 0.5"


@pytest.mark.parametrize(("alerts", "passed"), [(4.0, True), (nextafter(4.0, 5), False)])
def test_alerts_pass_at_their_ratio_to_the_budget(alerts: float, passed: bool) -> None:
    verdict, *_ = GATE.verdicts(measured({**decided(0.5), "threshold_alerts_per_day": alerts}))
    assert (verdict.measured, verdict.bound, verdict.passed) == (alerts / 2, 2, passed)
    assert verdict.asks == ("alerts per day at the threshold are at most 2 times the alert budget")


@pytest.mark.parametrize(("money", "passed"), [(0.0, True), (nextafter(0, -1), False)])
def test_money_passes_at_its_bound(money: float, passed: bool) -> None:
    _, _, verdict, _ = GATE.verdicts(
        measured({**decided(0.5), "threshold_money_saved_per_day": money})
    )
    assert (verdict.measured, verdict.bound, verdict.passed) == (money, 0, passed)


@pytest.mark.parametrize(("lower", "passed"), [(nextafter(-0.1, 1), True), (-0.1, False)])
def test_the_lower_end_must_lie_above_minus_the_margin(lower: float, passed: bool) -> None:
    *_, verdict = GATE.verdicts(measured(decided(0.5), lower, frauds=30))
    assert (verdict.gate, verdict.measured) == ("decisions.threshold_recall.no_worse", lower)
    assert (verdict.bound, verdict.passed) == (-0.1, passed)
    assert verdict.asks == (
        "recall at the threshold is no more than 0.1 below Production's (96.9604% confidence)"
    )
    assert verdict.note.endswith("rough, with only 30 independent frauds")


def test_a_first_promotion_is_compared_with_nothing() -> None:
    *_, verdict = GATE.verdicts(GATE.measure(trial(0.5)))
    assert (verdict.measured, verdict.passed) == (0.0, True)
    assert verdict.note == "nothing is in Production yet to compare with"
