"""Promotion against a real tracking server."""

from __future__ import annotations

from tests.conftest import World


def test_an_approved_candidate_becomes_the_head(world: World) -> None:
    link = world.put_in_production()
    head = world.ledger.head
    assert head == link
    assert head.version == 1
    assert head.statement.entry.approver == "github:alice"
    assert head.statement.entry.candidate.version == 1
