"""Finding, staging and downloading candidates."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from registry.errors import NotFound, UsageError
from registry.ledger.manifest import Manifest
from registry.tracking.candidates import candidate, download_candidate, stage, staged
from registry.tracking.names import CANDIDATES
from tests.candidates import NAMES, saved_model
from tests.world import World


def test_a_candidate_is_found_by_its_number(world: World) -> None:
    world.register()
    world.register(quality=0.5)
    assert candidate(world.client, "2").version == "2"


def test_nothing_is_in_staging_until_a_candidate_is_staged(world: World) -> None:
    assert staged(world.client) is None
    world.register()
    assert staged(world.client) is None
    with pytest.raises(NotFound, match="no candidate is in Staging; put one there with"):
        candidate(world.client, "staging")


def test_staging_replaces_the_candidate_that_was_there(world: World) -> None:
    first, second = world.register(), world.register()
    stage(world.client, str(first))
    assert candidate(world.client, "staging").version == "1"
    stage(world.client, str(second))
    assert candidate(world.client, "staging").version == "2"


def test_staging_the_staged_candidate_changes_nothing(world: World) -> None:
    number = world.register()
    stage(world.client, str(number))
    assert stage(world.client, "staging").version == "1"


@pytest.mark.parametrize("which", ["", "latest", "-1", "1.0", "Staging", "1 or 1=1", "1' --"])
def test_what_is_neither_a_number_nor_staging_is_refused(world: World, which: str) -> None:
    with pytest.raises(UsageError, match="is neither a candidate's version number nor `staging`"):
        candidate(world.client, which)


@pytest.mark.parametrize("which", ["1", "0", "99"])
def test_a_candidate_that_does_not_exist_says_how_to_make_one(world: World, which: str) -> None:
    with pytest.raises(NotFound, match=f"there is no candidate {which}; train one with"):
        stage(world.client, which)
    assert staged(world.client) is None


def test_exactly_the_candidates_own_files_are_downloaded(world: World) -> None:
    version = candidate(world.client, str(world.register()))
    files = download_candidate(world.client, version)
    assert files.manifest == Manifest.of(saved_model(1.0, NAMES, 0.5))


def test_a_logged_model_is_downloaded_from_the_artifact_store(world: World) -> None:
    logged = _log_model(world.client, saved_model(1.0, NAMES, 0.5))
    world.client.create_registered_model(CANDIDATES)
    version = world.client.create_model_version(CANDIDATES, f"models:/{logged}", model_id=logged)
    files = download_candidate(world.client, version)
    assert files.manifest == Manifest.of(saved_model(1.0, NAMES, 0.5))


def _log_model(client: MlflowClient, folder: Path) -> str:
    logged = client.create_logged_model("0")
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, mlflow.entities.LoggedModelStatus.READY)
    return str(logged.model_id)
