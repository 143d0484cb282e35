"""What the ledger, people and other models still need of the runs of old candidates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.errors import VerificationError
from registry.lifecycle.needed import Needed
from registry.tracking import candidates
from registry.tracking.client import RunInfo
from registry.tracking.names import (
    CANDIDATE_RUN_TAG,
    CANDIDATE_TAG,
    CANDIDATES,
    COMPARED_WITH_TAG,
    EVIDENCE_EXPERIMENT,
    NOTHING,
    PASSED,
    PRODUCTION,
    REFUSED,
    VERDICT_TAG,
)
from registry.tracking.removal import PARENT_TAG
from tests.registry.old import make_old, make_run_old, train_old
from tests.world import World


def needed(world: World) -> Needed:
    return Needed(world.client, world.trust, datetime.now(UTC) - timedelta(days=90))


def reasons(world: World) -> dict[tuple[int, ...], str]:
    """Why the candidates of each run are kept; empty for those that nothing needs."""
    found = needed(world)
    return {each.candidates: found.look(each)[0] for each in found.registered()}


def evidence_of(world: World, candidate: int, verdict: str) -> str:
    """An evidence run as far as its tags go."""
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    assert experiment
    run_id = world.client.get_model_version(CANDIDATES, str(candidate)).run_id
    tags = {
        CANDIDATE_TAG: f"{CANDIDATES}/{candidate}",
        CANDIDATE_RUN_TAG: str(run_id),
        VERDICT_TAG: verdict,
        COMPARED_WITH_TAG: NOTHING,
    }
    run = world.client.create_run(experiment.experiment_id, tags=tags)
    world.client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def test_what_the_ledger_people_or_new_evidence_name_is_kept(world: World) -> None:
    entry = world.plan(world.register()).statement.entry
    world.plan(world.register(threshold=0.25))
    candidates.stage(world.client, str(world.register()))
    passed = evidence_of(world, world.register(), PASSED)
    refused = evidence_of(world, world.register(), REFUSED)
    forgotten = evidence_of(world, world.register(), REFUSED)
    world.client.create_model_version(CANDIDATES, entry.source, run_id=entry.evidence.run_id)
    for candidate in range(1, 8):
        make_old(world, candidate)
    world.register()
    for evidence in (passed, forgotten):
        make_run_old(world.server, evidence)

    assert reasons(world) == {
        (1,): "needed by ledger entry 1",
        (2,): "needed by ledger entry 2",
        (3,): "needed by the alias staging",
        (4,): f"needed by evidence run {passed}, which waits for approval",
        (5,): f"evidence run {refused} is newer",
        (6,): "",
        (7,): "needed by ledger entry 1",
        (8,): "it is newer",
    }


def test_what_other_models_runs_or_experiments_share_is_kept(world: World, tmp_path: Path) -> None:
    client = world.client
    copied, rooted, parent, child, free = (train_old(world, tmp_path / "x") for _ in range(5))
    client.create_registered_model("other")
    client.create_model_version(
        "other", f"models:/{copied.model_id}", model_id=copied.model_id, run_id=free.run_id
    )
    root = client.get_run(rooted.run_id).info.artifact_uri
    experiment = client.create_experiment(f"in {world.trust.ledger_id}", f"{root}/below")
    client.set_tag(child.run_id, PARENT_TAG, parent.run_id)
    try:
        assert reasons(world) == {
            (1,): "needed by version 1 of other",
            (2,): f"needed by experiment in {world.trust.ledger_id}",
            (3,): "needed by candidate 4",
            (4,): "",
            (5,): "needed by version 1 of other",
        }
    finally:
        client.delete_registered_model("other")
        client.delete_experiment(experiment)


def test_a_run_is_kept_while_one_of_its_candidates_or_nested_runs_is_new(
    world: World, tmp_path: Path
) -> None:
    trained, other = train_old(world, tmp_path / "x"), train_old(world, tmp_path / "x")
    again = f"models:/{trained.model_id}"
    world.client.create_model_version(
        CANDIDATES, again, run_id=trained.run_id, model_id=trained.model_id
    )
    where = world.client.get_run(other.run_id).info.experiment_id
    new = world.client.create_run(where, tags={PARENT_TAG: other.nested})
    world.client.set_tag(other.run_id, PARENT_TAG, new.info.run_id)  # which closes a circle

    assert reasons(world) == {
        (1, 3): "it is newer",
        (2,): f"run {new.info.run_id} is newer",
    }


def test_evidence_and_folders_that_the_server_does_not_proxy_are_kept(world: World) -> None:
    client, runs = world.client, list[RunInfo]()
    client.create_registered_model(CANDIDATES)
    blobs = "wasbs://models@account.blob.core.windows.net"
    for name, location in (
        (EVIDENCE_EXPERIMENT, None),
        (f"blobs of {world.trust.ledger_id}", blobs),
    ):
        run = client.create_run(client.create_experiment(name, location)).info
        version = client.create_model_version(
            CANDIDATES, f"{run.artifact_uri}/model", run_id=run.run_id
        )
        make_old(world, int(version.version))
        runs.append(run)

    assert reasons(world) == {
        (1,): f"run {runs[0].run_id} is evidence",
        (2,): f"{blobs}/{runs[1].run_id}/artifacts may be shared, or is not behind the tracking "
        "server",
    }


def test_nothing_is_known_of_a_ledger_that_does_not_verify(world: World) -> None:
    for threshold in (0.5, 0.25):
        world.plan(world.register(threshold=threshold))
    entry = world.ledger.chain[-1].statement.entry
    world.client.create_model_version(PRODUCTION, entry.source, run_id=entry.evidence.run_id)
    with pytest.raises(VerificationError, match="nothing is deleted while `registry verify`"):
        needed(world)

    world.client.delete_model_version(PRODUCTION, "1")
    with pytest.raises(VerificationError, match="the ledger is broken"):
        needed(world)
