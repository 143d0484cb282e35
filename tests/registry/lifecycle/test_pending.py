"""Pending candidates: evaluated against the current head, passed, and not promoted yet."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from registry.errors import Unreachable
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.pending import Pending, pending
from registry.lifecycle.rollback import rollback
from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT
from registry.tracking.rest import Registry
from tests.world import World

BOB = Approval("github:bob", "why not")


def listed(world: World) -> list[Pending]:
    return pending(Registry(world.server.uri), world.ledger.head)


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


def evidence_runs_by_hand(world: World, count: int, candidate_run: str) -> None:
    """Runs that claim to have passed, of a candidate that is not there."""
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    assert experiment is not None
    tags = {
        "verdict": "passed",
        "compared_with": "nothing",
        "candidate": f"{CANDIDATES}/999",
        "candidate_run": candidate_run,
    }
    for _ in range(count):
        run = world.client.create_run(experiment.experiment_id, tags=tags)
        world.client.set_terminated(run.info.run_id)


def test_no_number_of_newer_evidence_hides_a_candidate_that_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.tracking.overview.RUNS_PER_PAGE", 3)
    reference, _ = world.evaluate(world.register())
    evidence_runs_by_hand(world, 7, "c0ffee" * 5 + "00")
    assert listed(world) == [(run_of(reference), "fraud-detector/1")]


def test_no_number_of_newer_candidates_hides_one_that_waits(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    with closing(sqlite3.connect(world.server.folder / "mlflow.db")) as database, database:
        database.execute(
            "WITH RECURSIVE more(number) AS (VALUES(2) UNION ALL SELECT number + 1 FROM more "
            "WHERE number < 12000) INSERT INTO model_versions (name, version, creation_time, "
            "last_updated_time, current_stage, source, run_id, status, workspace) SELECT name, "
            "number, creation_time, last_updated_time, current_stage, source, hex(randomblob(16)), "
            "status, workspace FROM model_versions, more WHERE name = ? AND version = 1",
            (CANDIDATES,),
        )
        (newest,) = database.execute(
            "SELECT max(version) FROM model_versions WHERE name = ?", (CANDIDATES,)
        ).fetchone()
    assert newest == 12_000
    assert listed(world) == [(run_of(reference), "fraud-detector/1")]


def test_each_of_many_candidates_that_wait_is_listed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.tracking.overview.VERSIONS_PER_PAGE", 2)
    for _ in range(3):
        world.evaluate(world.register())
    assert [name for _, name in listed(world)] == [f"fraud-detector/{one}" for one in (3, 2, 1)]


def test_a_run_id_that_would_change_the_search_finds_nothing(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    evidence_runs_by_hand(world, 1, "x') or name LIKE ('%")
    assert listed(world) == [(run_of(reference), "fraud-detector/1")]


def test_an_unreachable_server_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Unreachable, match=r"^reading the evidence runs: "):
        pending(Registry("http://127.0.0.1:9"), None)
