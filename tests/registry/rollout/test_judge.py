"""Bounds on literal counts, and the intervals against published values."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rollout.counts import Counts
from registry.rollout.judge import (
    Bounds,
    Outcome,
    Share,
    deviations,
    growth,
    judge,
    judge_errors,
)

BOUNDS = Bounds(max_error_rate=0.01, max_latency_ratio=2.0, max_decision_change=0.5)
Z95 = 1.959964
Z = deviations(400)


def counts(
    ok: int = 0, failed: int = 0, review: int = 0, approve: int = 0, slow: int = 0
) -> Counts:
    """Requests of /predict, of which `slow` took over 5 ms and the others up to 1 ms."""
    fast, everything = ok + failed - slow, ok + failed
    return Counter(
        {
            ("requests", "/predict", "200"): ok,
            ("requests", "/predict", "500"): failed,
            ("seconds", "/predict", "0.001"): fast,
            ("seconds", "/predict", "0.002"): fast,
            ("seconds", "/predict", "0.005"): fast,
            ("seconds", "/predict", "+Inf"): everything,
            ("decisions", "review"): review,
            ("decisions", "approve"): approve,
        }
    )


def outcomes(before: Counts, since: Counts) -> dict[str, Outcome]:
    return {each.measure: each.outcome for each in judge(before, since, BOUNDS, Z)}


BEFORE = counts(ok=10_000, failed=10, review=200, approve=9800)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe (1998), table II, method 10, examples (a), (c), (e) and (f).
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = growth(Share(*second), Share(*first), Z95)
    assert found == pytest.approx((low, high), abs=6e-4)


def test_wilsons_interval_at_the_ends() -> None:
    assert Share(0, 10).interval(Z95) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert Share(10, 10).interval(Z95) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert Share(0, 0).interval(Z95) == (0.0, 1.0)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_interval_holds_the_difference(a: int, b: int, c: int, d: int) -> None:
    before, since = Share(a, a + b), Share(c, c + d)
    low, high = growth(before, since, Z)
    if before.count and since.count:
        assert low - 1e-9 <= since.value - before.value <= high + 1e-9
    assert -1 - 1e-9 <= low <= high <= 1 + 1e-9


def test_more_comparisons_need_a_larger_deviation() -> None:
    assert deviations(1) == pytest.approx(2.5758, abs=1e-4)
    assert deviations(400) == pytest.approx(4.2148, abs=1e-4)
    assert deviations(0) == deviations(1)


def test_equal_counts_are_within() -> None:
    since = counts(ok=2000, failed=2, review=40, approve=1960)
    assert outcomes(BEFORE, since) == {
        "errors": "within",
        "latency /predict": "within",
        "decisions": "within",
    }


def test_nothing_is_said_of_few_requests() -> None:
    since = counts(ok=99, review=2, approve=97)
    assert set(outcomes(BEFORE, since).values()) == {"unknown"}
    errors = judge_errors(BEFORE, since, BOUNDS, Z)
    assert str(errors) == (
        "errors: 0.00% of 99 requests, before 0.10% of 10,010: too few to judge (at least 100)"
    )


@pytest.mark.parametrize(("failed", "outcome"), [(20, "exceeded"), (2, "unknown")])
def test_errors_of_few_requests_count_where_they_prove_it(failed: int, outcome: str) -> None:
    assert outcomes(BEFORE, counts(ok=20, failed=failed))["errors"] == outcome


@pytest.mark.parametrize(("failed", "outcome"), [(80, "exceeded"), (20, "within")])
def test_errors_may_grow_by_so_much(failed: int, outcome: str) -> None:
    """4 % and 1 % of 2,000 requests, with 0.1 % before."""
    assert outcomes(BEFORE, counts(ok=2000 - failed, failed=failed))["errors"] == outcome


def test_errors_that_were_there_before_are_not_the_models() -> None:
    before, since = counts(ok=9000, failed=1000), counts(ok=1800, failed=200)
    assert outcomes(before, since)["errors"] == "within"


def test_without_a_before_only_errors_are_judged() -> None:
    fine = outcomes(Counter(), counts(ok=2000, review=1000, approve=1000, slow=2000))
    assert fine == {"errors": "within", "latency /predict": "unknown", "decisions": "unknown"}
    bad = judge_errors(counts(ok=3), counts(ok=1000, failed=1000), BOUNDS, Z)
    assert (bad.outcome, bad.text) == (
        "exceeded",
        "50.00% of 2,000 requests, too few before; the bound is 1.00% more",
    )


def test_refused_fields_are_errors_of_the_model() -> None:
    since: Counts = Counter({("requests", "/predict", "422"): 50})
    assert outcomes(BEFORE, since)["errors"] == "exceeded"


@pytest.mark.parametrize(("slow", "outcome"), [(100, "exceeded"), (10, "within")])
def test_slow_requests_count_from_a_multiple_of_the_99th_percentile(
    slow: int, outcome: str
) -> None:
    """5 % and 0.5 % of 2,000 took over 5 ms; 99 % took up to 1 ms before."""
    assert outcomes(BEFORE, counts(ok=2000, slow=slow))["latency /predict"] == outcome


def test_a_slow_request_is_named_with_the_bound() -> None:
    _, latency, _ = judge(BEFORE, counts(ok=2000, slow=100), BOUNDS, Z)
    assert str(latency) == (
        "latency /predict: p99 5 ms of 2,000 requests, before 0.99 ms of 10,010; "
        "5.00% took over 1.98 ms"
    )


@pytest.mark.parametrize(
    ("review", "outcome"), [(400, "exceeded"), (0, "exceeded"), (100, "within"), (60, "within")]
)
def test_decisions_may_change_by_so_much(review: int, outcome: str) -> None:
    """10 %, none, 2.5 % and 1.5 % of 4,000 for review, with 2 % before."""
    since = counts(ok=4000, review=review, approve=4000 - review)
    assert outcomes(BEFORE, since)["decisions"] == outcome


def test_a_rollout_that_changes_nothing_hardly_ever_fails() -> None:
    """200 rollouts of 60 rounds, each judged in every round on what was counted until then."""
    source = random.Random(7)
    alarms = 0
    for _ in range(200):
        failed = review = 0
        exceeded = False
        for number in range(1, 61):
            drawn = [source.random() for _ in range(40)]
            failed += sum(value < 0.012 for value in drawn)
            review += sum(value > 0.98 for value in drawn)
            sent = 40 * number
            since = counts(sent - failed, failed, review, sent - review)
            exceeded = (
                exceeded
                or "exceeded"
                in outcomes(counts(ok=9900, failed=100, review=200, approve=9800), since).values()
            )
        alarms += exceeded
    assert alarms == 0
