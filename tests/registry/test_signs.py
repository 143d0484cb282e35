"""What people see: derived from the head, trusted by nothing, repaired when it is stale."""

from __future__ import annotations

import pytest

from registry.candidates import stage
from registry.errors import VerificationError
from registry.signs import repair, stale_signs
from registry.store import CANDIDATES, PRODUCTION
from tests.conftest import World


def stale(world: World) -> list[str]:
    return [words for words, _ in stale_signs(world.client, world.ledger)]


def test_an_empty_ledger_has_no_signs(world: World) -> None:
    assert stale(world) == []
    repair(world.client, world.ledger)


def test_nothing_is_stale_after_a_promotion(world: World) -> None:
    world.put_in_production()
    assert stale(world) == []


def test_an_alias_moved_by_hand_changes_no_head_and_is_reported(world: World) -> None:
    world.put_in_production()
    head = world.put_in_production()
    world.client.set_registered_model_alias(PRODUCTION, "production", "1")
    assert world.ledger.head == head
    assert stale(world) == ["alias production is on version 1, the head is 2"]


def test_an_alias_that_was_taken_away_is_reported(world: World) -> None:
    world.put_in_production()
    world.client.delete_registered_model_alias(PRODUCTION, "production")
    assert stale(world) == ["alias production is on version None, the head is 1"]


def test_every_stale_sign_is_reported_and_repaired(world: World) -> None:
    world.put_in_production()
    world.client.delete_registered_model_alias(PRODUCTION, "production")
    world.client.set_model_version_tag(CANDIDATES, "1", "ledger_version", "9")
    stage(world.client, "1")
    assert stale(world) == [
        "alias production is on version None, the head is 1",
        "candidate 1 lacks the tag ledger_version=1",
        "candidate 1 is in Production and still in Staging",
    ]
    repair(world.client, world.ledger)
    assert stale(world) == []


def test_another_candidate_in_staging_is_not_stale(world: World) -> None:
    world.put_in_production()
    stage(world.client, str(world.register()))
    assert stale(world) == []


def test_a_candidate_that_was_deleted_needs_no_signs(world: World) -> None:
    world.put_in_production()
    world.client.delete_model_version(CANDIDATES, "1")
    assert stale(world) == []


def test_a_broken_ledger_has_no_head_that_signs_could_show(world: World) -> None:
    world.put_in_production()
    world.put_in_production()
    world.client.delete_model_version(PRODUCTION, "1")
    with pytest.raises(VerificationError, match="the ledger is broken"):
        stale(world)
