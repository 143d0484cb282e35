"""Error rates of the gates, on simulated pairs of models whose true difference is known exactly.

Scores are normal, shifted by a mean for frauds; average precision in the population is then an
integral. A candidate that is worse by exactly the margin may pass at most at the rate alpha, a
worse one more rarely, and an equal one as often as the data allows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import comb
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from registry.evaluation.gates.gate import Trial
from registry.evaluation.gates.no_worse import NoWorse
from registry.evaluation.gates.slices import Slices
from registry.evaluation.metrics import Costs
from tests.registry.trials import rows_of, scored, small_trial

ALPHA = 0.05
MARGIN = 0.05
PAIRS = 200
ROWS = 10_000
FRAUD_SHARE = 0.01
MEAN = 2.5
"""Mean score of the frauds, by the model in Production."""
SHARED = 0.8
"""Share of the noise that both models have in common."""

Scores = NDArray[np.float32]


def at_most(pairs: int, share: float, confidence: float = 0.99) -> int:
    """The number of successes that Binomial(pairs, share) exceeds in at most 1 % of cases."""
    below, successes = 0.0, -1
    while below < confidence:
        successes += 1
        below += comb(pairs, successes) * share**successes * (1 - share) ** (pairs - successes)
    return successes


@functools.cache
def average_precision(mean: float) -> float:
    """In the population: ∫ precision(s) × density of the frauds' scores at s ds."""
    standard = NormalDist()
    grid = np.linspace(-8.0, mean + 8.0, 3000)
    above = np.array([[1 - standard.cdf(s - mean), 1 - standard.cdf(s)] for s in grid])
    density = np.array([standard.pdf(s - mean) for s in grid])
    hits, alarms = FRAUD_SHARE * above[:, 0], (1 - FRAUD_SHARE) * above[:, 1]
    # Far out in the tail both vanish, and contribute nothing.
    total = np.maximum(hits + alarms, 1e-300)
    return float(np.trapezoid(density * hits / total, grid))


def mean_of(drop: float) -> float:
    """The mean score of frauds at which average precision is `drop` below Production's."""
    target = average_precision(MEAN) - drop
    low, high = 0.0, MEAN
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if average_precision(middle) < target else (low, middle)
    return high


def pair(
    generator: np.random.Generator, labels: NDArray[np.int8], mean: float
) -> tuple[Scores, Scores]:
    """A candidate whose frauds have this mean, and Production, on the same transactions."""
    shared = np.sqrt(SHARED) * generator.normal(size=len(labels))
    own = np.sqrt(1 - SHARED) * generator.normal(size=(2, len(labels)))
    candidate, production = shared + own + np.outer([mean, MEAN], labels)
    return candidate.astype(np.float32), production.astype(np.float32)


def passes(drop: float) -> int:
    """How many of 200 candidates pass the gate that are truly worse by `drop`."""
    gate = NoWorse(margin={"average_precision": MARGIN}, alpha=ALPHA, resamples=300)
    mean = mean_of(drop) if drop else MEAN

    def passed(number: int) -> bool:
        generator = np.random.default_rng([20260101, number])
        labels = (generator.random(ROWS) < FRAUD_SHARE).astype(np.int8)
        candidate, production = pair(generator, labels, mean)
        trial = small_trial(
            rows_of(labels), scored(candidate), scored(production), costs=Costs(20, 1.0)
        )
        return all(verdict.passed for verdict in gate.verdicts(gate.measure(trial)))

    return sum(passed(number) for number in range(PAIRS))


def test_the_bound_is_a_quantile_of_the_binomial() -> None:
    assert at_most(200, 0.05) == 18
    assert at_most(100, 0.05) == 11


def test_average_precision_in_the_population_is_that_of_a_large_sample() -> None:
    generator = np.random.default_rng(1)
    labels = (generator.random(1_000_000) < FRAUD_SHARE).astype(np.int8)
    candidate, production = pair(generator, labels, mean_of(MARGIN))
    measured = average_precision_score(labels, candidate)
    assert average_precision_score(labels, production) == pytest.approx(0.4775, abs=0.01)
    assert average_precision(MEAN) == pytest.approx(0.4775, abs=1e-4)
    assert measured - average_precision_score(labels, production) == pytest.approx(-0.05, abs=0.005)


def test_no_worse_lets_a_candidate_at_the_margin_pass_no_more_often_than_alpha(
    record_property: Callable[[str, object], None],
) -> None:
    at_the_margin, equal, twice = passes(MARGIN), passes(0.0), passes(2 * MARGIN)
    print(
        f"of {PAIRS} candidates each, passed: truly worse by the margin {at_the_margin} "
        f"(allowed: {at_most(PAIRS, ALPHA)}), by twice the margin {twice}, truly equal {equal}: "
        f"power {equal / PAIRS:.0%}"
    )
    record_property("passed_at_the_margin", at_the_margin)
    record_property("passed_at_twice_the_margin", twice)
    record_property("passed_when_equal", equal)
    assert at_the_margin <= at_most(PAIRS, ALPHA)
    assert twice < at_the_margin
    assert equal > at_the_margin


def trial_of_days(number: int, days: int, rows_per_day: int, frauds_per_day: int) -> Trial:
    """Equal models, with the same number of transactions and of frauds on each day."""
    generator = np.random.default_rng([20260102, number])
    day = np.repeat(np.arange(days), rows_per_day)
    labels = (np.arange(days * rows_per_day) % rows_per_day < frauds_per_day).astype(np.int8)
    candidate, production = pair(generator, labels, MEAN)
    return small_trial(rows_of(labels, days=day), scored(candidate), scored(production))


def test_slices_fail_an_equal_candidate_no_more_often_than_alpha(
    record_property: Callable[[str, object], None],
) -> None:
    """At a margin of 0, the hardest one, with 20 slices of 25 frauds."""
    gate = Slices(margin=0.0, alpha=ALPHA, min_frauds=20, resamples=100)
    failed = 0
    for number in range(100):
        measured = gate.measure(trial_of_days(number, 20, 300, 25))
        assert len(measured.slices) == 20
        failed += not gate.verdicts(measured)[0].passed
    print(
        f"of 100 equal candidates on 20 slices, failed: {failed} (allowed: {at_most(100, ALPHA)})"
    )
    record_property("slices_failed_when_equal", failed)
    assert failed <= at_most(100, ALPHA)


def test_slices_find_one_slice_with_random_scores() -> None:
    gate = Slices(margin=0.1, alpha=ALPHA, min_frauds=20, resamples=200)
    trial = trial_of_days(0, 20, 300, 25)
    scores = trial.candidate.scores.copy()
    third = trial.rows.labelled.days == 2
    scores[third] = np.random.default_rng(0).permutation(scores[third])
    changed = small_trial(trial.rows, scored(scores), trial.production)
    (verdict,) = gate.verdicts(gate.measure(changed))
    assert not verdict.passed
    assert verdict.note.endswith("; significant falls: day 1970-01-03")
