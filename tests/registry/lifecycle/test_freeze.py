"""Freeze and unfreeze against a real tracking server."""

from __future__ import annotations

import pytest

from registry.errors import NotFound, Refused, UsageError
from registry.ledger.chain import Link
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.rollback import rollback
from tests.world import World

REASON = Approval("github:bob", "year-end change stop")


def freeze(world: World) -> Link:
    return set_frozen(world.client, world.trust, world.signer, "freeze", REASON)


def unfreeze(world: World) -> Link:
    return set_frozen(world.client, world.trust, world.signer, "unfreeze", REASON)


def test_while_frozen_a_promotion_is_refused_with_who_and_why(world: World) -> None:
    world.put_in_production()
    reference, _ = world.evaluate(world.register(quality=0.95))
    freeze(world)
    with pytest.raises(Refused, match="frozen by github:bob: year-end change stop"):
        world.promote(reference)
    assert world.ledger.frozen


def test_after_unfreeze_the_same_evidence_can_be_promoted(world: World) -> None:
    world.put_in_production()
    reference, _ = world.evaluate(world.register(quality=0.99))
    freeze(world)
    unfreeze(world)
    link = world.promote(reference)
    assert (link.version, link.statement.entry.sequence) == (4, 4)
    assert world.ledger.head == link


def test_a_freeze_changes_neither_the_model_in_force_nor_its_version(world: World) -> None:
    head = world.put_in_production()
    frozen = freeze(world)
    assert world.ledger.tip == frozen
    assert world.ledger.head == head
    assert frozen.statement.files == head.statement.files
    assert frozen.statement.entry.source == head.statement.entry.source


def test_a_rollback_counts_while_frozen_and_leaves_it_frozen(world: World) -> None:
    first = world.put_in_production()
    world.put_in_production(quality=0.99)
    freeze(world)
    link, is_new = rollback(world.client, world.trust, world.signer, None, REASON)
    assert is_new
    assert world.ledger.head == link
    assert link.statement.files == first.statement.files
    assert world.ledger.frozen


def test_freezing_twice_and_unfreezing_what_is_not_frozen_are_refused(world: World) -> None:
    world.put_in_production()
    with pytest.raises(Refused, match="the ledger is not frozen"):
        unfreeze(world)
    freeze(world)
    with pytest.raises(Refused, match="the ledger is already frozen"):
        freeze(world)
    assert len(world.ledger.chain) == 2


def test_a_freeze_needs_a_reason_and_something_in_production(world: World) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        set_frozen(world.client, world.trust, world.signer, "freeze", Approval("github:alice"))
    with pytest.raises(NotFound, match="nothing is in Production yet"):
        freeze(world)
