"""The comparison with Production, on trials whose intervals are known beforehand."""

from __future__ import annotations

from math import nextafter

import numpy as np
import pytest

from registry.evaluation.gates.no_worse import Interval, NoWorse, NoWorseMeasured
from tests.registry.trials import (
    AMOUNTS,
    CANDIDATE,
    DAYS,
    LABELS,
    PRODUCTION,
    rows_of,
    scored,
    small_trial,
)

ROWS = rows_of(LABELS, days=DAYS, amounts=AMOUNTS)
OF_ONE_CUSTOMER = rows_of(LABELS, days=DAYS, amounts=AMOUNTS, clusters=np.zeros(8, np.int64))
BEST = dict.fromkeys(("average_precision", "roc_auc", "budget_precision", "budget_recall"), 1.0)
GAIN = 1 - (1 + 2 / 3 + 3 / 4) / 3
"""In average precision: all frauds on top, against ranks 1, 3 and 4."""


def measured(
    lower: float, independent_frauds: int = 100, earlier_looks: int = 0
) -> NoWorseMeasured:
    return NoWorseMeasured(
        candidate=BEST,
        production=BEST,
        intervals={"budget_recall": Interval(difference=0.01, lower=lower, upper=0.2)},
        resamples=100,
        clustered=False,
        independent_frauds=independent_frauds,
        earlier_looks=earlier_looks,
    )


@pytest.mark.parametrize(("frauds", "rough"), [(99, True), (100, False)])
def test_with_few_frauds_the_note_says_that_the_interval_is_rough(frauds: int, rough: bool) -> None:
    (verdict,) = NoWorse(margin={"budget_recall": 0.05}).verdicts(measured(-0.02, frauds))
    assert (f"rough, with only {frauds} independent frauds" in verdict.note) is rough


@pytest.mark.parametrize(
    ("lower", "passed"),
    [(nextafter(-0.05, 1), True), (-0.05, False), (nextafter(-0.05, -1), False)],
)
def test_the_lower_end_must_lie_above_minus_the_margin(lower: float, passed: bool) -> None:
    (verdict,) = NoWorse(margin={"budget_recall": 0.05}).verdicts(measured(lower))
    assert (verdict.measured, verdict.bound, verdict.passed) == (lower, -0.05, passed)


@pytest.mark.parametrize(("lower", "passed"), [(nextafter(0, 1), True), (0.0, False)])
def test_better_asks_for_a_lower_end_above_zero(lower: float, passed: bool) -> None:
    gate = NoWorse(margin={"budget_recall": 0.05}, better=("budget_recall",))
    no_worse, better = gate.verdicts(measured(lower))
    assert no_worse.passed
    assert (better.gate, better.bound) == ("no_worse.budget_recall.better", 0.0)
    assert better.passed is passed


def test_a_verdict_says_measure_confidence_and_interval() -> None:
    (verdict,) = NoWorse(margin={"budget_recall": 0.05}, alpha=0.1).verdicts(measured(-0.02))
    assert verdict.asks == (
        "alert-budget recall is no more than 0.05 below Production's (93.9207% confidence)"
    )
    assert verdict.note == "difference +0.01, likely -0.02 to +0.2"


def test_a_later_look_says_so_and_asks_for_more_confidence() -> None:
    gate = NoWorse(margin={"budget_recall": 0.05}, alpha=0.1)
    (verdict,) = gate.verdicts(measured(-0.02, earlier_looks=49))
    assert verdict.asks.endswith("(99.9976% confidence)")
    assert verdict.note == "difference +0.01, likely -0.02 to +0.2; look 50 at these rows"


def test_each_look_at_the_same_rows_widens_the_interval() -> None:
    gate = NoWorse(margin={"roc_auc": 0.05}, resamples=100)
    trials = (
        small_trial(ROWS, scored(CANDIDATE), scored(PRODUCTION), earlier_looks=earlier)
        for earlier in (0, 1, 49)
    )
    found = [gate.measure(trial) for trial in trials]
    assert [one.earlier_looks for one in found] == [0, 1, 49]
    lower = [one.intervals["roc_auc"].lower for one in found]
    upper = [one.intervals["roc_auc"].upper for one in found]
    assert lower == sorted(lower, reverse=True)
    assert upper == sorted(upper)
    assert len({*lower}) == len({*upper}) == 3


def test_two_models_with_the_same_scores_differ_by_nothing() -> None:
    trial = small_trial(ROWS, scored(PRODUCTION), scored(PRODUCTION))
    gate = NoWorse(margin={"average_precision": 0.05}, better=("average_precision",), resamples=100)
    found = gate.measure(trial)
    assert set(found.intervals.values()) == {Interval(difference=0.0, lower=0.0, upper=0.0)}
    assert [one.passed for one in gate.verdicts(found)] == [True, False]


def test_where_all_rows_are_of_one_customer_every_resample_shows_the_same_difference() -> None:
    trial = small_trial(OF_ONE_CUSTOMER, scored(CANDIDATE), scored(PRODUCTION))
    found = NoWorse(margin={"roc_auc": 0.05}, resamples=100).measure(trial)
    assert found.clustered
    for name, gain in (("average_precision", GAIN), ("roc_auc", 2 / 15)):
        interval = found.intervals[name]
        assert vars(interval) == pytest.approx(dict.fromkeys(vars(interval), gain), abs=1e-12)


def test_without_clusters_the_difference_is_the_same_and_the_interval_is_around_it() -> None:
    trial = small_trial(ROWS, scored(CANDIDATE), scored(PRODUCTION))
    found = NoWorse(margin={"roc_auc": 0.05}, resamples=1000).measure(trial)
    interval = found.intervals["average_precision"]
    assert not found.clustered
    assert interval.difference == pytest.approx(GAIN)
    assert interval.lower == 0.0
    assert 0.3 < interval.upper < 0.8


def test_a_smaller_alpha_gives_a_wider_interval() -> None:
    trial = small_trial(ROWS, scored(PRODUCTION), scored(CANDIDATE))
    narrow, wide = (
        NoWorse(margin={"roc_auc": 0}, alpha=alpha, resamples=4000).measure(trial).intervals
        for alpha in (0.25, 0.01)
    )
    assert wide["roc_auc"].lower < narrow["roc_auc"].lower < -2 / 15
    assert wide["roc_auc"].upper == narrow["roc_auc"].upper == 0.0


def test_the_same_trial_gets_the_same_numbers_again() -> None:
    trial = small_trial(ROWS, scored(CANDIDATE), scored(PRODUCTION))
    gate = NoWorse(margin={"roc_auc": 0.05}, resamples=100)
    assert gate.measure(trial) == gate.measure(trial)


def test_resamples_without_a_fraud_leave_a_finite_interval() -> None:
    rows = rows_of([1, 0, 0, 0])
    trial = small_trial(rows, scored([0.9, 0.1, 0.2, 0.3]), scored([0.2, 0.1, 0.3, 0.4]))
    interval = NoWorse(margin={"roc_auc": 0}, resamples=1000).measure(trial).intervals["roc_auc"]
    assert interval.difference == pytest.approx(2 / 3)
    assert 0.0 <= interval.lower < 2 / 3 < interval.upper <= 1.0
