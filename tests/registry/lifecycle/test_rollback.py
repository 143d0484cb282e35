"""Rollback: which entry it returns to, and what it appends on a real tracking server."""

from __future__ import annotations

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from registry.errors import BytesMismatch, NotFound, Refused, UsageError, VerificationError
from registry.ledger.chain import Link
from registry.ledger.trust import Trust
from registry.lifecycle.approval import Approval
from registry.lifecycle.rollback import rollback, rollback_target
from registry.tracking.client import read_ledger
from registry.tracking.fetch import fetch_verified
from registry.tracking.names import CANDIDATES, PRODUCTION
from registry.tracking.rest import Registry
from tests.registry import entries
from tests.registry.entries import (
    ALICE,
    FREEZE,
    LEDGER_ID,
    REVOKED,
    A,
    B,
    C,
    folded,
    numbered,
    planned,
    trusted,
    version,
)
from tests.world import World

BOB = Approval("github:bob", "too many false alerts", "https://example.com/incidents/7")


def roll_back(world: World, to: int | None = None) -> Link:
    """The entry of a rollback that must be new."""
    link, is_new = rollback(world.client, world.trust, world.signer, to, BOB)
    assert is_new
    return link


def test_a_rollback_by_another_key_ends_the_overrun_of_a_revoked_key(world: World) -> None:
    first = world.put_in_production()
    world.put_in_production(threshold=0.25)
    signer = CryptoSigner.generate_ecdsa()
    revoked = world.trust.keys[0].model_copy(update={"last": 1})
    trust = Trust(ledger_id=world.trust.ledger_id, keys=(revoked, trusted(signer)))
    with pytest.raises(VerificationError, match="signed past its key's last sequence"):
        _ = read_ledger(world.client, trust).head
    back, is_new = rollback(world.client, trust, signer, None, BOB)
    assert is_new
    assert back.statement.files == first.statement.files
    assert read_ledger(world.client, trust).head == back


def test_a_rollback_appends_an_entry_for_the_previous_model(world: World, tmp_path: Path) -> None:
    first = world.put_in_production()
    second = world.put_in_production(threshold=0.25)
    back = roll_back(world)
    entry = back.statement.entry
    assert world.ledger.head == back
    assert back.statement.files == first.statement.files
    assert (back.version, entry.sequence, entry.action) == (3, 3, "rollback")
    assert entry.supersedes == second.statement.digest
    assert (entry.approver, entry.comment) == ("github:bob", "too many false alerts")
    assert entry.url == "https://example.com/incidents/7"
    assert (entry.source, entry.evidence, entry.candidate) == (
        first.statement.entry.source,
        first.statement.entry.evidence,
        first.statement.entry.candidate,
    )
    assert (entry.policy, entry.verdict) == (
        first.statement.entry.policy,
        first.statement.entry.verdict,
    )
    fetched = fetch_verified(Registry(world.server.uri), back)
    assert fetched.manifest == first.statement.manifest
    description = str(world.client.get_model_version(PRODUCTION, "3").description)
    assert ": rollback by `github:bob`." in description
    assert "| threshold | 0.5 |" in description


def test_a_rollback_sets_alias_and_tags(world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    roll_back(world)
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "3"}
    assert world.client.get_model_version(CANDIDATES, "1").tags["ledger_version"] == "3"


def test_a_rollback_can_name_the_ledger_version(world: World) -> None:
    first = world.put_in_production()
    world.put_in_production(threshold=0.25)
    world.put_in_production(threshold=0.125)
    assert roll_back(world, 1).statement.files == first.statement.files


def test_a_second_rollback_goes_further_back(world: World) -> None:
    first = world.put_in_production()
    world.put_in_production(threshold=0.25)
    world.put_in_production(threshold=0.125)
    roll_back(world)
    assert roll_back(world).statement.files == first.statement.files
    with pytest.raises(NotFound, match="no other model was in Production before this one"):
        roll_back(world)


def test_a_rollback_after_an_unexpected_entry_is_refused(world: World) -> None:
    first = world.put_in_production()
    second = world.put_in_production(threshold=0.25)
    with pytest.raises(Refused, match="another entry was appended meanwhile: version 2: promote"):
        rollback(world.client, world.trust, world.signer, None, BOB, tip=first.digest)
    back, _ = rollback(world.client, world.trust, world.signer, None, BOB, tip=second.digest)
    assert back.statement.files == first.statement.files


def test_a_rollback_without_a_reason_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="a rollback needs a reason"):
        rollback(world.client, world.trust, world.signer, None, Approval("github:bob"))


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (None, "no other model was in Production before this one"),
        (7, "version 7 never put a model in force; those that did: 1$"),
    ],
)
def test_a_rollback_without_a_target_is_refused(world: World, to: int | None, message: str) -> None:
    world.put_in_production()
    with pytest.raises(NotFound, match=message):
        roll_back(world, to)
    assert len(world.ledger.chain) == 1


def test_an_empty_ledger_cannot_be_rolled_back(world: World) -> None:
    with pytest.raises(NotFound, match="nothing was in Production yet"):
        roll_back(world)


def test_a_rollback_to_damaged_files_is_refused(world: World) -> None:
    first = world.put_in_production()
    second = world.put_in_production(threshold=0.25)
    (world.server.stored(first.statement.entry.source) / "model.onnx").write_bytes(b"")
    with pytest.raises(BytesMismatch, match=r"ledger version 1: model.onnx was changed"):
        roll_back(world)
    assert world.ledger.head == second


@pytest.mark.parametrize("to", [1, 3])
def test_a_rollback_to_the_files_in_force_appends_nothing_and_repairs_alias_and_tags(
    world: World, to: int
) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    back = roll_back(world, 1)
    world.client.delete_registered_model_alias(PRODUCTION, "production")
    link, is_new = rollback(world.client, world.trust, world.signer, to, BOB)
    assert (link, is_new) == (back, False)
    assert len(world.client.search_model_versions(f"name='{PRODUCTION}'")) == 3
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "3"}


def test_a_rollback_to_a_version_is_appended_while_a_revoked_key_leaves_nothing_in_force(
    world: World,
) -> None:
    first = world.put_in_production()
    world.put_in_production()
    signer = CryptoSigner.generate_ecdsa()
    revoked = world.trust.keys[0].model_copy(update={"last": 1})
    trust = Trust(ledger_id=world.trust.ledger_id, keys=(revoked, trusted(signer)))
    back, is_new = rollback(world.client, trust, signer, 1, BOB)
    assert is_new
    assert (back.version, back.statement.files) == (3, first.statement.files)
    assert read_ledger(world.client, trust).head == back


def test_a_promotion_after_a_rollback_follows_it(world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    back = roll_back(world)
    after = world.put_in_production(threshold=0.125)
    assert after.statement.entry.supersedes == back.statement.digest
    assert world.ledger.head == after


def test_a_broken_ledger_takes_no_rollback(world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    world.client.delete_model_version(PRODUCTION, "1")
    with pytest.raises(VerificationError, match="the ledger is broken: version 2"):
        roll_back(world, 2)
    assert len(world.client.search_model_versions(f"name='{PRODUCTION}'")) == 1


def test_the_rollback_target_is_the_entry_before_the_head() -> None:
    assert rollback_target(folded(*numbered(A, B, C)), None).statement == B


def test_a_second_rollback_never_returns_to_what_the_first_one_left() -> None:
    back = entries.rollback(B, C)
    assert rollback_target(folded(*numbered(A, B, C, back)), None).statement == A


def test_from_the_oldest_model_there_is_no_rollback_to_a_newer_one() -> None:
    with pytest.raises(NotFound, match="no other model was in Production before this one"):
        rollback_target(folded(*numbered(A, B, entries.rollback(A, B))), None)


def test_from_a_model_promoted_again_a_rollback_is_to_the_one_it_replaced() -> None:
    again = entries.promote("a", B)
    assert rollback_target(folded(*numbered(A, B, again)), None).statement == B


def test_from_an_overrun_a_rollback_is_to_the_last_entry_that_was_in_force() -> None:
    ledger = folded(*numbered(A, B, C), trust=REVOKED)
    assert rollback_target(ledger, None).statement == B
    assert rollback_target(ledger, 1).statement == A


def test_an_overrun_with_the_files_of_the_last_good_entry_can_be_rolled_back() -> None:
    revoked = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=1), trusted(entries.BOB)))
    ledger = folded(*numbered(A, entries.promote("a", A)), trust=revoked)
    assert rollback_target(ledger, None).version == 1
    assert rollback_target(ledger, 1).version == 1


def test_there_is_no_rollback_to_an_overrun() -> None:
    back = version(4, entries.rollback(B, C), entries.BOB)
    ledger = folded(*numbered(A, B, C), back, trust=REVOKED)
    with pytest.raises(
        NotFound, match=r"version 3 never put a model in force; those that did: 1, 2, 4$"
    ):
        rollback_target(ledger, 3)
    assert rollback_target(ledger, None).statement == A


def test_a_rollback_to_a_named_entry_may_be_to_a_newer_one() -> None:
    assert rollback_target(folded(*numbered(A, B, entries.rollback(A, B))), 2).statement == B


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (2, "the files of version 2 are already in force"),
        (9, "version 9 never put a model in force; those that did: 1, 2$"),
    ],
)
def test_a_rollback_to_the_head_or_to_an_unknown_version_is_refused(to: int, message: str) -> None:
    ledger = folded(*numbered(A, B))
    assert rollback_target(ledger, None).version == 1
    with pytest.raises(NotFound, match=message):
        rollback_target(ledger, to)


@pytest.mark.parametrize("to", [None, 1])
def test_an_empty_ledger_has_no_rollback_target(to: int | None) -> None:
    with pytest.raises(NotFound, match="nothing was in Production yet"):
        rollback_target(folded(), to)


def test_of_very_many_versions_the_newest_are_named() -> None:
    statements = [A]
    for _ in range(29):
        statements.append(entries.promote("b", statements[-1]))
    with pytest.raises(NotFound) as failure:
        rollback_target(folded(*numbered(*statements)), 99)
    newest = ", ".join(str(number) for number in range(11, 31))
    assert str(failure.value) == (
        f"version 99 never put a model in force; those that did: …, {newest}"
    )


@pytest.mark.parametrize("to", [None, 1])
def test_a_plan_is_no_rollback_target(to: int | None) -> None:
    with pytest.raises(NotFound, match="nothing was in Production yet"):
        rollback_target(folded(*numbered(planned("a"))), to)
    plan = planned("c", A)
    with pytest.raises(NotFound, match=r"version 2 never put a model in force; .*: 1$"):
        rollback_target(folded(*numbered(A, plan)), 2)


def test_a_ledger_whose_first_entry_was_deleted_is_broken_and_not_empty() -> None:
    with pytest.raises(VerificationError, match="the ledger is broken"):
        rollback_target(folded(version(2, B)), None)


def test_a_broken_ledger_has_no_rollback_target_even_if_it_ends_with_an_overrun() -> None:
    ledger = folded(
        *numbered(A, B, C), version(9, entries.promote("f", entries.promote("d"))), trust=REVOKED
    )
    with pytest.raises(VerificationError, match="the ledger is broken"):
        rollback_target(ledger, 1)


def test_from_a_frozen_ledger_a_rollback_passes_over_the_freeze() -> None:
    ledger = folded(*numbered(A, B, FREEZE))
    assert rollback_target(ledger, None).statement == A
    with pytest.raises(NotFound, match="version 3 never put a model in force"):
        rollback_target(ledger, 3)


def test_from_a_promotion_after_an_overrun_a_rollback_is_to_the_entry_before_it() -> None:
    later = version(4, entries.promote("d", C), entries.BOB)
    ledger = folded(*numbered(A, B, C), later, trust=REVOKED)
    assert rollback_target(ledger, None).statement == B
