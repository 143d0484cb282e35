"""One pod, answer by answer: what is wrong with it, and which counts are before and since."""

from __future__ import annotations

from collections import Counter

import pytest

from registry.rollout.answers import Answer, NoAnswer, Served
from registry.rollout.counts import Counts
from registry.rollout.pod import Pod

OLD, HEAD, OTHER = Served(1, "a" * 64), Served(2, "b" * 64), Served(3, "c" * 64)
REVIEW = ("decisions", "review")


def answer(*models: Served, count: int = 0, swaps: int = 0) -> Answer:
    counts: Counts = Counter({REVIEW: count})
    return Answer(frozenset(models), counts, swaps)


def hear(pod: Pod, *answers: Answer | NoAnswer) -> str:
    """What is wrong after these answers, one a second."""
    problem = ""
    for second, heard in enumerate(answers):
        problem = pod.hear(heard, HEAD, frozenset({OLD}), float(second))
    return problem


def split(*answers: Answer | NoAnswer) -> tuple[int, int]:
    """What a pod that gave these answers counted before and since."""
    pod = Pod("http://pod", 0.0)
    assert hear(pod, *answers) == ""
    assert pod.taken
    return pod.before[REVIEW], pod.since[REVIEW]


def test_a_pod_takes_the_head() -> None:
    pod = Pod("http://pod", 0.0)
    assert hear(pod, answer(OLD)) == ""
    assert (pod.serves_head, pod.state) == (False, "version 1 (aaaaaaaaaaaa)")
    assert hear(pod, answer(OLD, HEAD)) == ""
    assert not pod.serves_head
    assert hear(pod, answer(HEAD)) == ""
    assert (pod.serves_head, pod.late) == (True, False)


def test_what_is_counted_between_the_two_models_belongs_to_neither() -> None:
    answers = [answer(OLD, count=100), answer(OLD, count=110), answer(HEAD, count=115)]
    assert split(*answers) == (110, 0)
    assert split(*answers, answer(HEAD, count=120), answer(HEAD, count=121)) == (110, 6)


def test_a_pod_that_started_with_the_head_has_no_before() -> None:
    assert split(answer(HEAD, count=9), answer(HEAD, count=11)) == (0, 11)


def test_a_pod_that_took_the_head_before_its_first_answer_is_late() -> None:
    assert split(answer(HEAD, count=100, swaps=1), answer(HEAD, count=103, swaps=1)) == (100, 3)
    pod = Pod("http://pod", 0.0)
    hear(pod, answer(HEAD, count=100, swaps=1))
    assert pod.late


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([answer(OLD, count=100), answer(HEAD, count=101)], (60, 0)),
        ([answer(HEAD, count=100, swaps=1), answer(HEAD, count=103, swaps=1)], (60, 3)),
        ([answer(OLD, count=9), answer(HEAD, count=10)], (9, 0)),
    ],
    ids=["on time", "late", "started again since"],
)
def test_before_begins_with_what_was_recorded(
    answers: list[Answer], expected: tuple[int, int]
) -> None:
    pod = Pod("http://pod", 0.0, Counter({REVIEW: 40}))
    assert hear(pod, *answers) == ""
    assert (pod.before[REVIEW], pod.since[REVIEW]) == expected


def test_a_process_that_starts_again_counts_from_0() -> None:
    assert split(answer(OLD, count=50), answer(HEAD, count=4)) == (50, 4)
    assert split(answer(OLD, count=50), answer(OLD, count=4), answer(HEAD, count=5)) == (54, 0)
    assert split(answer(HEAD, count=50), answer(HEAD, count=4)) == (0, 54)


def test_a_pod_that_crashes_with_the_head_is_found_without_traffic() -> None:
    def up(probes: int) -> Answer:
        return Answer(frozenset({HEAD}), Counter({("other", "/readyz", "200"): probes}))

    pod, away = Pod("http://pod", 0.0), NoAnswer("Connection refused")
    assert hear(pod, up(9), away, up(1), up(2)) == ""
    assert pod.restarts == 1
    assert hear(pod, away, up(1)) == "has started again 2 times since it took the head"
    before = Pod("http://pod", 0.0)
    assert hear(before, answer(OLD, count=9), answer(OLD, count=1), answer(OLD, count=0)) == ""


def test_a_pod_may_not_go_back() -> None:
    pod = Pod("http://pod", 0.0)
    assert hear(pod, answer(HEAD), answer(OLD)) == "went back to version 1 (aaaaaaaaaaaa)"


@pytest.mark.parametrize("served", [OTHER, Served(2, "c" * 64)])
def test_a_pod_may_not_serve_another_model(served: Served) -> None:
    pod = Pod("http://pod", 0.0)
    assert hear(pod, answer(OLD), answer(HEAD, served)) == (
        f"serves version {served.version} (cccccccccccc), neither the head nor the model before it"
    )


def test_three_rounds_without_an_answer_are_too_many() -> None:
    silent, pod = NoAnswer("Connection refused"), Pod("http://pod", 0.0)
    assert hear(pod, answer(HEAD), silent, silent) == ""
    assert not pod.serves_head
    assert hear(pod, silent) == "does not answer: Connection refused"
    other = Pod("http://pod", 0.0)
    assert hear(other, answer(HEAD), silent, silent, answer(HEAD), silent, silent) == ""


def test_a_pod_has_so_long_to_take_the_head() -> None:
    pod = Pod("http://pod", 100.0)
    silent = NoAnswer("Connection refused")
    assert hear(pod, silent, silent, silent, silent) == ""
    assert pod.overdue(60, 160.0) == ""
    assert pod.overdue(60, 161.0) == "does not serve the head after 61 s: Connection refused"
    hear(pod, answer(HEAD))
    assert pod.overdue(60, 1000.0) == ""


def test_a_pod_that_starts_again_has_so_long_once_more() -> None:
    pod = Pod("http://pod", 0.0)
    starting = NoAnswer("it has no model yet", starting=True)
    assert hear(pod, answer(HEAD), *[starting] * 9) == ""
    assert not pod.serves_head
    assert pod.overdue(60, 61.0) == ""
    assert pod.overdue(60, 62.0) == "does not serve the head after 61 s: it has no model yet"
