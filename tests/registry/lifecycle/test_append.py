"""Appending: one insert, and whether it wins."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.errors import Refused, UsageError
from registry.ledger.chain import Finding, Ledger, Link
from registry.ledger.fold import fold
from registry.ledger.statement import Checkpoint, Statement
from registry.ledger.trust import Trust
from registry.lifecycle.append import append, approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.lifecycle.notes import LEDGER_NOTE, describe
from registry.lifecycle.promote import promote
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from tests.registry import entries
from tests.registry.entries import ALICE, BOB, LEDGER_ID, TRUST, trusted, version
from tests.world import POLICY, World

REVIEW = Approval("github:bob", "still good", "https://example.com/reviews/1")


def append_here(world: World, statement: Statement) -> Link:
    return append(world.client, world.trust, world.signer, statement)


def inserted(world: World) -> int:
    return len(world.client.search_model_versions(f"name='{PRODUCTION}'"))


def test_the_first_entry_has_no_predecessor() -> None:
    assert next_place(Ledger((), ())) == {"sequence": 1, "supersedes": None, "checkpoint": None}


def test_the_next_entry_follows_the_tip_whatever_its_action() -> None:
    first = entries.promote("a")
    freeze = entries.repeated("freeze", first, first)
    ledger = fold([version(1, first), version(7, freeze)], TRUST)
    assert next_place(ledger) == {
        "sequence": 3,
        "supersedes": freeze.digest,
        "checkpoint": Checkpoint(version=7, frozen=True, keys={ALICE.public_key.keyid: (1, 2)}),
    }


def test_nothing_is_appended_to_a_list_that_readers_would_soon_refuse() -> None:
    first = entries.promote("a")
    garbage = Finding(2, "passed over", "it has no statement")
    link = fold([version(1, first)], TRUST).chain[0]
    assert next_place(Ledger((link,), (garbage,) * 248_998))["sequence"] == 2
    with pytest.raises(Refused) as failure:
        next_place(Ledger((link,), (garbage,) * 248_999))
    assert str(failure.value) == (
        "fraud-detector-production has 249,000 versions, and readers list no more than 250,000; "
        "248,999 of them are no entries: delete these (`registry verify` names them), or begin a "
        "new ledger on another tracking server"
    )


def test_an_overrun_is_followed_too() -> None:
    first = entries.promote("a")
    trust = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=0), trusted(BOB)))
    ledger = fold([version(1, first)], trust)
    place = next_place(ledger)
    assert (place["sequence"], place["supersedes"]) == (2, first.digest)


def test_the_fields_of_an_approval_include_the_time_to_the_second() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    fields = approval_fields(REVIEW)
    assert before <= fields["approved_at"] <= datetime.now(UTC)
    assert fields["approved_at"].microsecond == 0
    assert (fields["approver"], fields["comment"], fields["url"]) == (
        "github:bob",
        "still good",
        "https://example.com/reviews/1",
    )


def test_an_entry_is_one_version_that_holds_its_source_run_and_statement(world: World) -> None:
    world.put_in_production()
    statement = world.next_promotion("still good")
    link = append_here(world, statement)
    assert (link.version, link.statement) == (2, statement)
    version = world.client.get_model_version(PRODUCTION, "2")
    assert version.source == statement.entry.source
    assert version.run_id == statement.entry.evidence.run_id
    assert list(version.tags) == [STATEMENT_TAG]
    assert version.description == describe(statement.entry, None)
    assert world.client.get_registered_model(PRODUCTION).description == LEDGER_NOTE
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "2"}


def test_a_statement_appended_twice_wins_both_times_and_counts_once(world: World) -> None:
    world.put_in_production()
    statement = world.next_promotion("the client tried twice")
    first = append_here(world, statement)
    assert append_here(world, statement) == first
    assert inserted(world) == 3
    assert len(world.ledger.chain) == 2
    assert [str(finding) for finding in world.ledger.findings] == [
        "version 3 is repeated: it repeats version 2"
    ]


def test_a_promoter_that_lost_gets_the_entry_that_won(world: World) -> None:
    world.put_in_production()
    slow, fast = world.next_promotion("slow"), world.next_promotion("fast")
    won = append_here(world, fast)
    with pytest.raises(
        Refused,
        match=r"^another entry was appended first: version 2: promote of candidate 1 by github:bob"
        "; see `registry history`, then evaluate again$",
    ):
        append_here(world, slow)
    assert world.ledger.head == won
    assert [str(finding) for finding in world.ledger.findings] == [
        "version 3 is lost: version 2 won"
    ]


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
        append(world.client, trust, world.signer, world.next_promotion("too early"))
    assert inserted(world) == 1


def test_a_key_that_was_revoked_from_the_start_is_refused_with_its_sequences(
    world: World,
) -> None:
    world.put_in_production()
    key = world.trust.keys[0].model_copy(update={"last": 0, "revoked": True})
    trust = world.trust.model_copy(update={"keys": (key,)})
    with pytest.raises(UsageError, match="the signing key may sign the sequences 1 to 0, and this"):
        append(world.client, trust, world.signer, world.next_promotion("revoked"))
    assert inserted(world) == 1
