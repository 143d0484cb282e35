"""Containers of evidence that have no policy of immutability are named."""

from __future__ import annotations

import pytest

from deploy.local.azure import LocalAzure
from registry.lifecycle.immutable import missing_policies
from registry.lifecycle.verify import verify
from registry.tracking.names import EVIDENCE_EXPERIMENT
from tests.registry.storage.storage_server import storage_server
from tests.world import World


@pytest.fixture
def in_blobs(world: World, blobs: str) -> World:
    """A ledger whose evidence is in a container of its own."""
    world.client.create_experiment(EVIDENCE_EXPERIMENT, artifact_location=f"{blobs}/evidence")
    world.put_in_production()
    return world


def test_a_container_without_a_policy_is_a_warning_and_no_problem(
    in_blobs: World, blobs: str
) -> None:
    found = verify(in_blobs.client, in_blobs.ledger)

    assert found.problems == ()
    assert found.warnings == (
        f"{blobs} has no policy of immutability, so that evidence can be changed or deleted "
        "there; give the container a time-based retention policy (docs/storage.md)",
    )


@pytest.mark.parametrize(
    ("policy", "hold", "warnings"),
    [("true", "false", 0), ("false", "true", 0), ("true", "true", 0), ("false", "false", 1)],
)
def test_a_policy_or_a_hold_is_enough(
    in_blobs: World, monkeypatch: pytest.MonkeyPatch, policy: str, hold: str, warnings: int
) -> None:
    with storage_server((200, "", "")) as server:
        server.headers = {"x-ms-has-immutability-policy": policy, "x-ms-has-legal-hold": hold}
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)

        assert len(list(missing_policies(in_blobs.ledger))) == warnings


def test_a_storage_that_is_away_is_a_warning(in_blobs: World, storage: LocalAzure) -> None:
    storage.server.stop()
    try:
        [warning] = missing_policies(in_blobs.ledger)
    finally:
        storage.server.start()

    assert " is immutable is not known: " in warning


def test_files_that_the_tracking_server_keeps_have_no_policy(world: World) -> None:
    world.put_in_production()

    assert list(missing_policies(world.ledger)) == []
