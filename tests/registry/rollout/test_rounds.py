"""The rounds with functions in place of the network."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from registry.errors import Unreachable, UsageError, VerificationError
from registry.ledger.chain import Ledger
from registry.rollout.answers import Answer, NoAnswer, Served
from registry.rollout.judge import Bounds
from registry.rollout.rollout import Plan, Rollout
from registry.rollout.rounds import follow_rollout
from tests.registry.entries import FREEZE, A, B, C, folded, numbered

OLD, HEAD = (Answer(frozenset({Served(*of)}), Counter()) for of in ((1, "a" * 64), (2, "b" * 64)))
PLAN = Plan(Bounds(0.01, 2.0, 0.5), within_seconds=60, watch_seconds=0, interval_seconds=0.01)
LEDGER = folded(*numbered(A, B))


def in_turn(*answers: object) -> Callable[..., object]:
    """Each answer once, and then the last for ever; an exception is raised."""
    turns: Iterator[object] = iter(answers)
    last = answers[-1]

    def answer(*_: object) -> object:
        given = next(turns, last)
        if isinstance(given, Exception):
            raise given
        return given

    return answer


def follow(
    *answers: Answer | NoAnswer,
    look: Callable[..., object] = lambda: LEDGER,
    find: Callable[..., object] = lambda: {"http://pod"},
    shown: list[list[str]] | None = None,
) -> Rollout:
    def show(rollout: Rollout, seconds: float) -> None:
        assert seconds >= 0
        if shown is not None:
            shown.append(rollout.events)

    return follow_rollout(look, find, in_turn(*answers), PLAN, show)  # type: ignore[arg-type]


def test_it_ends_when_every_pod_serves_the_head() -> None:
    shown: list[list[str]] = []
    rollout = follow(OLD, OLD, HEAD, shown=shown)
    assert rollout.problem == ""
    assert shown == [
        ["http://pod: version 1 (aaaaaaaaaaaa)"],
        [],
        ["http://pod: version 2 (bbbbbbbbbbbb)", "all 1 pods serve the head"],
    ]


def test_it_ends_with_the_first_problem() -> None:
    other = Answer(frozenset({Served(9, "9" * 64)}), Counter())
    assert follow(OLD, other).problem == (
        "http://pod serves version 9 (999999999999), neither the head nor the model before it"
    )


def test_another_head_ends_it() -> None:
    moved = folded(*numbered(A, B, C))
    rollout = follow(OLD, look=in_turn(LEDGER, LEDGER, moved))
    assert rollout.problem == (
        "another entry was put in force meanwhile: version 3: promote of candidate 4 by "
        "github:alice"
    )


def test_a_freeze_does_not_end_it() -> None:
    frozen = folded(*numbered(A, B, FREEZE))
    assert follow(OLD, HEAD, look=in_turn(LEDGER, frozen)).problem == ""


def test_an_unreadable_ledger_ends_it_only_at_the_end() -> None:
    away = Unreachable("reading the ledger: no response")
    shown: list[list[str]] = []
    assert follow(OLD, HEAD, look=in_turn(LEDGER, away, LEDGER), shown=shown).problem == ""
    assert shown[0][-1] == "reading the ledger: no response"
    with pytest.raises(Unreachable):
        follow(OLD, HEAD, look=in_turn(LEDGER, away))


def test_a_ledger_that_does_not_verify_ends_it() -> None:
    with pytest.raises(VerificationError):
        follow(OLD, look=in_turn(LEDGER, VerificationError("broken")))


def test_without_a_pod_at_first_the_command_is_wrong() -> None:
    with pytest.raises(UsageError, match="there is no pod to follow; check --pod and --pods"):
        follow(HEAD, find=in_turn(set()))


def test_names_that_do_not_resolve_in_time_stand_for_what_they_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.rollout.rounds.CALL_SECONDS", 0.05)
    resolved, found = threading.Event(), iter([{"http://pod"}])

    def find() -> set[str]:
        if (addresses := next(found, None)) is None:
            resolved.wait(30)
        return addresses or set()

    try:
        assert follow(OLD, HEAD, find=find).problem == ""
    finally:
        resolved.set()


def test_the_ledger_is_read_after_the_pods_of_the_last_round() -> None:
    """An entry that is appended while they are asked is not missed."""
    asked: list[str] = []

    def look() -> Ledger:
        asked.append("ledger")
        return LEDGER

    def ask(address: str) -> Answer:
        asked.append(address)
        return HEAD

    follow_rollout(look, lambda: {"http://pod"}, ask, PLAN, lambda _, __: None)
    assert asked == ["ledger", "http://pod", "ledger"]
