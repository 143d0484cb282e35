"""Appending: one insert, and whether it won."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.errors import Refused, UsageError
from registry.ledger.chain import Ledger, Link
from registry.ledger.fold import fold
from registry.ledger.statement import Statement
from registry.ledger.trust import Trust
from registry.lifecycle.append import append, approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.lifecycle.promote import promote
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from tests.registry import entries
from tests.registry.entries import ALICE, BOB, LEDGER_ID, TRUST, trusted, version
from tests.world import POLICY, World

REVIEW = Approval("github:bob", "still good", "https://example.com/reviews/1")


def again(world: World, comment: str) -> Statement:
    """A statement that promotes what is in force once more, as the successor of the tip."""
    head = world.ledger.head
    assert head
    changes = {**next_place(world.ledger), **approval_fields(Approval("github:bob", comment))}
    entry = head.statement.entry.model_copy(update=changes)
    return Statement(files=head.statement.files, entry=entry)


def append_here(world: World, statement: Statement) -> Link:
    return append(world.client, world.trust, world.signer, statement)


def inserted(world: World) -> int:
    return len(world.client.search_model_versions(f"name='{PRODUCTION}'"))


def test_the_first_entry_has_no_predecessor() -> None:
    assert next_place(Ledger((), ())) == {"sequence": 1, "supersedes": None}


def test_the_next_entry_follows_the_tip_whatever_it_says() -> None:
    first = entries.promote("a")
    freeze = entries.repeated("freeze", first, first)
    ledger = fold([version(1, first), version(7, freeze)], TRUST)
    assert next_place(ledger) == {"sequence": 3, "supersedes": freeze.digest}


def test_an_overrun_is_followed_too() -> None:
    first = entries.promote("a")
    trust = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=0), trusted(BOB)))
    ledger = fold([version(1, first)], trust)
    assert next_place(ledger) == {"sequence": 2, "supersedes": first.digest}


def test_an_approval_gives_its_words_and_the_time_to_the_second() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    said = approval_fields(REVIEW)
    assert before <= said["approved_at"] <= datetime.now(UTC)
    assert said["approved_at"].microsecond == 0
    assert (said["approver"], said["comment"], said["url"]) == (
        "github:bob",
        "still good",
        "https://example.com/reviews/1",
    )


def test_an_entry_is_one_version_that_holds_its_source_run_and_statement(world: World) -> None:
    world.put_in_production()
    statement = again(world, "still good")
    link = append_here(world, statement)
    assert (link.version, link.statement) == (2, statement)
    kept = world.client.get_model_version(PRODUCTION, "2")
    assert kept.source == statement.entry.source
    assert kept.run_id == statement.entry.evidence.run_id
    assert list(kept.tags) == [STATEMENT_TAG]
    assert kept.description == "promote by github:bob: still good"
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "2"}


def test_the_same_statement_twice_has_won_both_times_and_counts_once(world: World) -> None:
    world.put_in_production()
    statement = again(world, "the client tried twice")
    first = append_here(world, statement)
    assert append_here(world, statement) == first
    assert inserted(world) == 3
    assert len(world.ledger.chain) == 2
    assert [str(one) for one in world.ledger.findings] == [
        "version 3 is repeated: it repeats version 2"
    ]


def test_whoever_comes_second_is_told_who_was_there_first(world: World) -> None:
    world.put_in_production()
    slow, fast = again(world, "slow"), again(world, "fast")
    won = append_here(world, fast)
    with pytest.raises(
        Refused,
        match=r"^another entry was there first: version 2: promote of candidate 1 by github:bob; "
        "look at it with `registry history`, then evaluate again$",
    ):
        append_here(world, slow)
    assert world.ledger.head == won
    assert [str(one) for one in world.ledger.findings] == ["version 3 is lost: version 2 won"]


def test_a_key_past_its_last_sequence_is_refused_before_anything_is_written(world: World) -> None:
    world.put_in_production()
    reference, _ = world.evaluate(world.register())
    key = world.trust.keys[0].model_copy(update={"last": 1})
    trust = world.trust.model_copy(update={"keys": (key,)})
    with pytest.raises(UsageError, match="may sign the sequences 1 to 1, and this entry is 2"):
        promote(world.client, trust, world.signer, reference, (REVIEW,), POLICY)
    assert inserted(world) == 1


def test_a_key_before_its_first_sequence_is_refused_before_anything_is_written(
    world: World,
) -> None:
    world.put_in_production()
    key = world.trust.keys[0].model_copy(update={"first": 3})
    trust = world.trust.model_copy(update={"keys": (key,)})
    with pytest.raises(UsageError, match="may sign the sequences 3 to …, and this entry is 2"):
        append(world.client, trust, world.signer, again(world, "too early"))
    assert inserted(world) == 1


def test_a_key_that_was_revoked_from_the_start_is_refused_and_its_reach_named(
    world: World,
) -> None:
    world.put_in_production()
    key = world.trust.keys[0].model_copy(update={"last": 0, "revoked": True})
    trust = world.trust.model_copy(update={"keys": (key,)})
    with pytest.raises(UsageError, match="the signing key may sign the sequences 1 to 0, and this"):
        append(world.client, trust, world.signer, again(world, "revoked"))
    assert inserted(world) == 1
