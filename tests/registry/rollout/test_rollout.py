"""All pods, round by round, of a ledger in memory."""

from __future__ import annotations

from collections import Counter

import pytest

from registry.errors import NotFound
from registry.rollout.answers import Answer, NoAnswer, Served
from registry.rollout.counts import Counts
from registry.rollout.judge import Bounds
from registry.rollout.rollout import Plan, Rollout, served
from tests.registry.entries import FREEZE, A, B, C, folded, numbered

OLD, HEAD = Served(1, "a" * 64), Served(2, "b" * 64)
PLAN = Plan(Bounds(0.01, 2.0, 0.5), within_seconds=60, watch_seconds=300, interval_seconds=5)
ONE, TWO = "http://one", "http://two"
SILENT = NoAnswer("Connection refused")


def new_rollout() -> Rollout:
    return Rollout.of(folded(*numbered(A, B)), PLAN, 0.0)


def answer(served: Served, ok: int = 0, failed: int = 0) -> Answer:
    counts: Counts = Counter(
        {("requests", "/predict", "200"): ok, ("requests", "/predict", "500"): failed}
    )
    return Answer(frozenset({served}), counts)


def test_the_head_and_the_entry_before_it_may_be_served() -> None:
    rollout = Rollout.of(folded(*numbered(A, B, C)), PLAN, 0.0)
    assert served(rollout.head) == Served(3, "c" * 64)
    assert rollout.allowed == {HEAD}
    assert Rollout.of(folded(*numbered(A)), PLAN, 0.0).allowed == frozenset()


def test_a_freeze_is_the_tip_and_not_the_head() -> None:
    rollout = Rollout.of(folded(*numbered(A, B, FREEZE)), PLAN, 0.0)
    assert (rollout.head.digest, rollout.tip) == (B.digest, FREEZE.digest)


def test_nothing_in_production_cannot_be_followed() -> None:
    with pytest.raises(NotFound, match="nothing is in Production yet"):
        Rollout.of(folded(), PLAN, 0.0)


def test_it_is_done_once_all_pods_were_watched_for_long_enough() -> None:
    rollout = new_rollout()
    rollout.hear({ONE: answer(OLD), TWO: answer(HEAD)}, 1.0)
    assert rollout.events == [
        "http://one: version 1 (aaaaaaaaaaaa)",
        "http://two: version 2 (bbbbbbbbbbbb)",
    ]
    assert (rollout.count_serving, rollout.done(1000.0)) == (1, False)
    rollout.hear({ONE: answer(HEAD), TWO: answer(HEAD)}, 6.0)
    assert rollout.events == [
        "http://one: version 2 (bbbbbbbbbbbb)",
        "all 2 pods serve the head",
    ]
    assert not rollout.done(305.9)
    rollout.hear({ONE: answer(HEAD), TWO: answer(HEAD)}, 306.0)
    assert rollout.events == []
    assert rollout.done(306.0)


def test_it_is_not_done_while_a_pod_does_not_answer() -> None:
    rollout = new_rollout()
    rollout.hear({ONE: answer(HEAD)}, 0.0)
    rollout.hear({ONE: SILENT}, 300.0)
    assert not rollout.done(300.0)
    rollout.hear({ONE: answer(HEAD)}, 305.0)
    assert rollout.done(305.0)


def test_a_new_pod_has_to_take_the_head_too() -> None:
    rollout = new_rollout()
    rollout.hear({ONE: answer(HEAD)}, 0.0)
    rollout.hear({ONE: answer(HEAD), TWO: answer(OLD)}, 300.0)
    assert not rollout.done(300.0)
    rollout.hear({ONE: answer(HEAD), TWO: answer(OLD)}, 361.0)
    assert rollout.problem == (
        "http://two does not serve the head after 61 s: version 1 (aaaaaaaaaaaa)"
    )
    assert not rollout.done(361.0)


def test_a_pod_that_ended_is_forgotten_but_not_its_counts() -> None:
    rollout = new_rollout()
    rollout.hear({ONE: answer(OLD, ok=1000), TWO: answer(HEAD)}, 0.0)
    rollout.hear({TWO: answer(HEAD)}, 5.0)
    assert rollout.events == ["http://one: ended", "all 1 pods serve the head"]
    assert rollout.verdicts[0].text.endswith(
        "before 0.00% of 1,000: too few to judge (at least 100)"
    )


def test_a_pod_that_starts_again_is_told() -> None:
    rollout = new_rollout()
    for second, ok in enumerate((10, 1, 2)):
        rollout.hear({ONE: answer(HEAD, ok=ok)}, float(second))
        told = ["http://one: started again"] if ok == 1 else []
        assert rollout.events[2 if second == 0 else 0 :] == told
    assert rollout.problem == ""


def test_a_pod_that_is_listed_again_goes_on_where_it_was() -> None:
    rollout = new_rollout()
    rollout.hear({ONE: answer(HEAD, ok=10), TWO: answer(HEAD)}, 0.0)
    rollout.hear({TWO: answer(HEAD)}, 5.0)
    rollout.hear({ONE: answer(OLD, ok=12), TWO: answer(HEAD)}, 10.0)
    assert rollout.problem == "http://one went back to version 1 (aaaaaaaaaaaa)"


def test_no_pods_for_three_rounds_is_a_failure() -> None:
    rollout = new_rollout()
    rollout.hear({ONE: answer(HEAD)}, 0.0)
    for second in (5.0, 10.0):
        rollout.hear({}, second)
        assert (rollout.problem, rollout.done(1000.0)) == ("", False)
    rollout.hear({}, 15.0)
    assert rollout.problem == "there are no pods"


def test_the_errors_of_one_pod_among_many_are_seen() -> None:
    rollout = new_rollout()
    many = {f"http://pod-{number}": answer(OLD, ok=10_000) for number in range(100)}
    rollout.hear(many, 0.0)
    heads = {address: answer(HEAD, ok=10_000) for address in many}
    rollout.hear(heads, 5.0)
    later = {address: answer(HEAD, ok=10_200) for address in many}
    rollout.hear({**later, "http://pod-7": answer(HEAD, ok=10_100, failed=100)}, 10.0)
    assert [verdict.outcome for verdict in rollout.verdicts] == ["within", "unknown"]
    assert rollout.problem == (
        "http://pod-7: errors: 50.00% of 200 requests, before 0.00% of 1,000,000; "
        "the bound is 1.00% more"
    )


def test_the_errors_of_all_pods_together_are_seen() -> None:
    """3 % of the 90 requests of each of 40 pods: of one pod alone, that proves nothing."""
    rollout = new_rollout()
    pods = [f"http://pod-{number}" for number in range(40)]
    rollout.hear({address: answer(OLD, ok=10_000) for address in pods}, 0.0)
    rollout.hear({address: answer(HEAD, ok=10_000) for address in pods}, 5.0)
    rollout.hear({address: answer(HEAD, ok=10_087, failed=3) for address in pods}, 10.0)
    assert rollout.problem.startswith("all pods: errors: 3.33% of 3,600 requests, before 0.00%")


def test_the_rounds_are_bounded() -> None:
    assert PLAN.rounds == 73
