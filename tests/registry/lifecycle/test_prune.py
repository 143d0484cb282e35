"""Old candidates are deleted whole, and nothing that is needed with them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from signal import SIGKILL

import pytest

from registry.errors import NotFound, VerificationError
from registry.lifecycle.earlier import evaluations
from registry.lifecycle.prune import prune
from registry.tracking import candidates
from registry.tracking.names import CANDIDATES, PRODUCTION, PRUNED_TAG
from tests.registry.command_line import CommandLine
from tests.registry.faulty import faulty
from tests.registry.kills import signal_after_responses
from tests.registry.old import Trained, make_old, make_run_old, train, train_old
from tests.world import World

PRUNE = ("prune", "--older-than-days", "90", "--delete")


def pruned(world: World, *, delete: bool = True) -> list[tuple[tuple[int, ...], str]]:
    """The candidates of each run, and why they are kept."""
    before = datetime.now(UTC) - timedelta(days=90)
    outcomes = prune(world.client, world.trust, before, delete=delete)
    return [(outcome.registered.candidates, outcome.kept) for outcome in outcomes]


def state_of(world: World, trained: Trained) -> tuple[bool, bool, bool]:
    """Whether the candidate is registered, all of its files are there, and its run is active."""
    try:
        candidates.candidate(world.client, str(trained.version))
        registered = True
    except NotFound:
        registered = False
    files = all((folder / "rows.txt").exists() for folder in trained.folders)
    stages = [
        world.client.get_run(run_id).info.lifecycle_stage
        for run_id in (trained.run_id, trained.nested)
    ]
    return registered, files, "active" in stages


def test_candidate_runs_model_and_files_are_deleted_once(world: World, tmp_path: Path) -> None:
    old, new = train_old(world, tmp_path / "x"), train(world, tmp_path / "x")
    again = train_old(world, tmp_path / "x")
    model = f"models:/{again.model_id}"
    version = world.client.create_model_version(
        CANDIDATES, model, run_id=again.run_id, model_id=again.model_id
    )
    make_old(world, int(version.version))

    listed = [((1,), ""), ((2,), "it is newer"), ((3, 4), "")]
    assert pruned(world, delete=False) == listed
    assert state_of(world, old) == (True, True, True)
    assert pruned(world) == listed
    assert pruned(world) == [((2,), "it is newer")]
    for trained in (old, again):
        assert state_of(world, trained) == (False, False, False)
        assert not any(folder.exists() for folder in trained.folders)
        where = world.client.get_run(trained.run_id).info.experiment_id
        named = f"source_run_id = '{trained.run_id}'"
        assert list(world.client.search_logged_models([where], named)) == []
    assert state_of(world, new) == (True, True, True)


def test_evidence_of_a_deleted_candidate_stays_and_still_counts(world: World) -> None:
    refused, _ = world.evaluate(world.register(quality=0.0))
    run_id = refused.partition("@")[0]
    make_old(world, 1)
    make_run_old(world.server, run_id)
    looks = evaluations(world.client)
    files = sorted(world.server.artifacts.rglob(f"{run_id}/artifacts/**/*"))

    assert pruned(world) == [((1,), "")]
    assert evaluations(world.client) == looks
    assert len(looks) == 1
    assert sorted(world.server.artifacts.rglob(f"{run_id}/artifacts/**/*")) == files
    assert files


def test_a_candidate_that_is_staged_planned_or_registered_again_meanwhile_is_kept(
    world: World, tmp_path: Path
) -> None:
    first = train_old(world, tmp_path / "x")
    staged, planned = (make_old(world, world.register(threshold=each)) for each in (0.25, 0.5))
    shared = train_old(world, tmp_path / "x")
    before = datetime.now(UTC) - timedelta(days=90)
    outcomes = prune(world.client, world.trust, before, delete=True)

    assert next(outcomes).kept == ""
    candidates.stage(world.client, str(staged))
    world.plan(planned)
    model = f"models:/{shared.model_id}"
    world.client.create_model_version(
        CANDIDATES, model, run_id=shared.run_id, model_id=shared.model_id
    )
    assert [outcome.kept for outcome in outcomes] == [
        "needed by the alias staging",
        "needed by ledger entry 1",
        "needed by candidate 5",
    ]
    assert state_of(world, first) == (False, False, False)
    assert state_of(world, shared) == (True, True, True)


def test_a_mark_deletes_no_run_that_is_needed(world: World, tmp_path: Path) -> None:
    """Whoever may set a tag can forge it."""
    plan_run = world.plan(world.register()).statement.entry.evidence.run_id
    staged, trained = train_old(world, tmp_path / "x"), train(world, tmp_path / "x")
    candidates.stage(world.client, str(staged.version))
    world.client.delete_model_version(CANDIDATES, str(trained.version))
    marked = (plan_run, staged.run_id, trained.run_id)
    for run_id in marked:
        world.client.set_tag(run_id, PRUNED_TAG, "true")

    found = pruned(world)
    for run_id in marked:
        world.client.delete_tag(run_id, PRUNED_TAG)
    assert sorted(found) == [
        ((), "needed by ledger entry 1"),
        ((), f"run {trained.nested} is newer"),
        ((1,), "it is newer"),
        ((2,), "needed by the alias staging"),
    ]


def test_nothing_is_deleted_while_the_ledger_does_not_verify(world: World, tmp_path: Path) -> None:
    trained = train_old(world, tmp_path / "x")
    for threshold in (0.5, 0.25):
        world.plan(world.register(threshold=threshold))
    world.client.delete_model_version(PRODUCTION, "1")

    with pytest.raises(VerificationError, match="the ledger is broken"):
        pruned(world)
    assert state_of(world, trained) == (True, True, True)


def test_a_prune_killed_after_any_remote_call_is_finished_by_the_same_command(
    world: World, command_line: CommandLine, tmp_path: Path
) -> None:
    trained = train_old(world, tmp_path / "x")
    states = [state_of(world, trained)]
    for call in itertools.count(12):  # before, it only reads
        ended = command_line(*PRUNE, prepare=partial(signal_after_responses, call))
        states.append(state_of(world, trained))
        if ended.code != -SIGKILL:
            assert ended.code == 0, ended.output
            break
    in_order = list(dict.fromkeys(states))
    assert in_order == [
        (True, True, True),
        (False, True, True),
        (False, False, True),
        (False, False, False),
    ]
    assert not any(folder.exists() for folder in trained.folders)
    assert command_line(*PRUNE).output.endswith("0 deleted, 0 kept\n")


def test_a_server_that_loses_an_answer_leaves_what_the_same_command_finishes(
    world: World, command_line: CommandLine, tmp_path: Path
) -> None:
    trained = train_old(world, tmp_path / "x")
    with faulty(world.server.uri) as front:
        for write in (2, 3):
            front.fail(write, "answer lost")
            ended = command_line(
                *PRUNE,
                environment={
                    "MLFLOW_TRACKING_URI": front.uri,
                    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
                },
            )
            front.repair()
            assert ended.code == 2, ended.output
            assert "error: deleting " in ended.output
            assert "(run the command again to finish): " in ended.output
            registered, _, active = state_of(world, trained)
            assert (registered, active) == (False, True)
    assert command_line(*PRUNE).code == 0
    assert state_of(world, trained) == (False, False, False)
