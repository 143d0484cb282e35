"""Pending candidates: evaluated against the current head, passed, and not promoted yet."""

from __future__ import annotations

import pytest

from registry.errors import Unreachable
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.pending import MAX_RUNS, Pending, pending
from registry.lifecycle.rollback import rollback
from registry.tracking.client import connect
from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT
from tests.world import World

BOB = Approval("github:bob", "why not")


def listed(world: World) -> list[Pending]:
    return pending(world.client, world.ledger.head)


def run_of(reference: str) -> str:
    return reference.partition("@")[0]


def test_where_nothing_was_evaluated_nothing_is_pending(world: World) -> None:
    assert listed(world) == []


def test_evidence_that_passed_is_pending_until_it_is_promoted(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    assert listed(world) == [(run_of(reference), "fraud-detector/1")]
    world.promote(reference)
    assert listed(world) == []


def test_evidence_that_was_refused_is_not_pending(world: World) -> None:
    world.evaluate(world.register(quality=0.0))
    assert listed(world) == []


def test_the_newest_comes_first(world: World) -> None:
    older, _ = world.evaluate(world.register())
    newer, _ = world.evaluate(world.register())
    assert listed(world) == [
        (run_of(newer), "fraud-detector/2"),
        (run_of(older), "fraud-detector/1"),
    ]


def test_evidence_against_an_earlier_production_is_not_pending(world: World) -> None:
    first, _ = world.evaluate(world.register())
    second, _ = world.evaluate(world.register(threshold=0.25))
    world.promote(first)
    assert listed(world) == []
    third, _ = world.evaluate(world.register(threshold=0.125))
    assert listed(world) == [(run_of(third), "fraud-detector/3")]
    assert run_of(second) not in dict(listed(world))


def test_a_freeze_keeps_evidence_pending_and_a_rollback_does_not(world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    reference, _ = world.evaluate(world.register(threshold=0.125))
    set_frozen(world.client, world.trust, world.signer, "freeze", BOB)
    assert listed(world) == [(run_of(reference), "fraud-detector/3")]
    rollback(world.client, world.trust, world.signer, None, BOB)
    assert listed(world) == []


def test_evidence_of_a_failed_run_is_not_pending(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    world.client.set_terminated(run_of(reference), "FAILED")
    assert listed(world) == []


def test_of_a_candidate_evaluated_twice_the_newer_evidence_is_listed(world: World) -> None:
    number = world.register()
    world.evaluate(number)
    newer, _ = world.evaluate(number)
    assert listed(world) == [(run_of(newer), "fraud-detector/1")]


def test_evidence_of_a_deleted_candidate_is_not_pending(world: World) -> None:
    world.evaluate(world.register())
    world.evaluate(world.register())
    world.client.delete_model_version(CANDIDATES, "1")
    assert [name for _, name in listed(world)] == ["fraud-detector/2"]


def test_evidence_of_an_earlier_candidate_of_the_same_number_is_not_pending(
    world: World,
) -> None:
    world.evaluate(world.register())
    world.client.delete_registered_model(CANDIDATES)
    assert listed(world) == []
    assert world.register() == 1
    assert listed(world) == []


def test_at_most_50_evidence_runs_are_read(world: World) -> None:
    world.evaluate(world.register())
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    assert experiment is not None
    tags = {"verdict": "passed", "compared_with": "nothing"}
    for _ in range(MAX_RUNS):
        run = world.client.create_run(experiment.experiment_id, tags=tags)
        world.client.set_terminated(run.info.run_id)
    assert MAX_RUNS == 50
    assert listed(world) == []


def test_an_unreachable_server_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Unreachable, match=r"^reading the evidence runs: "):
        pending(connect("http://127.0.0.1:9"), None)
