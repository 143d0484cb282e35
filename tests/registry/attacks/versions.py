"""Attacks on the versions of the ledger: appended, renumbered, redirected, deleted."""

from __future__ import annotations

from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.rollback import rollback
from registry.model.scorer import MODEL_FILE
from registry.tracking.names import PRODUCTION
from tests.registry.attacks.attack import (
    BROKEN,
    DOWNGRADE,
    MOVED_ON,
    NO_PROBLEM,
    Attack,
    Refuses,
    Serves,
)
from tests.registry.attacks.target import ALICE, Target

MAX_NUMBER = 2**63 - 1


def append_by_hand(target: Target) -> None:
    target.append(1, envelope=None)


def flood(target: Target) -> None:
    """One version through REST, and a thousand copies of it in the database."""
    version = target.append(1, envelope=None)
    target.in_database(
        "WITH RECURSIVE more(number) AS (VALUES(?) UNION ALL SELECT number + 1 FROM more "
        "WHERE number < 1002) INSERT INTO model_versions (name, version, creation_time, "
        "last_updated_time, current_stage, source, run_id, status, workspace) SELECT name, number, "
        "creation_time, last_updated_time, current_stage, source, run_id, status, workspace "
        "FROM model_versions, more WHERE name = ? AND version = ?",
        version + 1,
        PRODUCTION,
        version,
    )


def fill_with_tags(target: Target, version: int) -> None:
    """100 tags of 99,000 characters: as many as it takes, each as long as MLflow allows."""
    for number in range(100):
        target.client.set_model_version_tag(PRODUCTION, str(version), str(number), "x" * 99_000)


def append_with_large_tags(target: Target) -> None:
    fill_with_tags(target, target.append(1, envelope=None))


def append_with_many_tags(target: Target) -> None:
    version = target.append(1, envelope=None)
    target.in_database(
        "WITH RECURSIVE more(number) AS (VALUES(1) UNION ALL SELECT number + 1 FROM more "
        "WHERE number < 5000) INSERT INTO model_version_tags (name, version, key, value, workspace)"
        " SELECT name, version, number, 'x', workspace FROM model_versions, more "
        "WHERE name = ? AND version = ?",
        PRODUCTION,
        version,
    )


def fill_head_with_tags(target: Target) -> None:
    fill_with_tags(target, 2)


def take_an_enormous_number(target: Target) -> None:
    target.in_database(
        "UPDATE model_versions SET version = ? WHERE name = ? AND version = ?",
        MAX_NUMBER,
        PRODUCTION,
        target.append(1, envelope=None),
    )


def spell_source_differently(target: Target) -> None:
    spelling = target.source(2).replace("/artifacts/model", "/artifacts//model")
    target.append(2, envelope=target.envelope(2), source=spelling)


def source_elsewhere(target: Target) -> None:
    """The head's statement on a new version that points at files in the attacker's own run."""
    client, envelope = target.client, target.envelope(2)
    run = client.create_run(client.create_experiment("attacker")).info
    target.put(str(run.artifact_uri), f"model/{MODEL_FILE}", b"bytes")
    target.delete(2)
    target.insert(f"{run.artifact_uri}/model", run.run_id, envelope)


def source_edited_in_database(target: Target) -> None:
    target.in_database(
        "UPDATE model_versions SET source = ? WHERE name = ? AND version = 2",
        target.source(1),
        PRODUCTION,
    )


def delete_head(target: Target) -> None:
    target.delete(2)


def delete_older_entry(target: Target) -> None:
    target.delete(1)


def race(target: Target) -> None:
    """Version 3 rolls back to A; version 4, C's promotion, was signed before that, and lost."""
    world, before = target.world, target.world.ledger
    rollback(world.client, world.trust, world.signer, 1, ALICE)
    target.insert_signed(target.promotion_of_c(before), world.signer)


def delete_winner(target: Target) -> None:
    race(target)
    target.delete(3)


def delete_winner_with_successor(target: Target) -> None:
    race(target)
    world = target.world
    set_frozen(world.client, world.trust, world.signer, "freeze", ALICE)
    target.delete(3)


def older_entry_again(target: Target) -> None:
    source, run_id = target.source(1), str(target.version(1).run_id)
    envelope = target.envelope(1)
    target.delete(1)
    target.insert(source, run_id, envelope)


def head_again(target: Target) -> None:
    source, run_id = target.source(2), str(target.version(2).run_id)
    envelope = target.envelope(2)
    target.delete(2)
    target.insert(source, run_id, envelope)


VERSIONS = (
    Attack(
        "version appended by hand",
        "a new version without a statement",
        append_by_hand,
        3,
        "version 3 is passed over: it has no statement",
    ),
    Attack(
        "ledger flooded",
        "a thousand new versions, more than one page of the server's list",
        flood,
        3,
        "2 entries, 1000 problems",
    ),
    Attack(
        "version with tags that fill the memory",
        "a new version with 100 tags of 99 kB",
        append_with_large_tags,
        3,
        "version 3 is passed over: its tags are too large to be read",
    ),
    Attack(
        "version with very many tags",
        "a new version with 5,000 tags",
        append_with_many_tags,
        3,
        "version 3 is passed over: it has no statement",
    ),
    Attack(
        "head's statement buried",
        "100 tags of 99 kB on the head: as if its statement were deleted",
        fill_head_with_tags,
        3,
        "version 2 is passed over: its tags are too large to be read",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "version with an enormous number",
        "in the database: 2⁶³ - 1",
        take_an_enormous_number,
        3,
        "version 9223372036854775807 is passed over: it has no statement",
    ),
    Attack(
        "`source` spelled differently",
        "a new version with the head's statement, and `//` in its source",
        spell_source_differently,
        3,
        "version 3 is void: its source is",
    ),
    Attack(
        "`source` pointing elsewhere",
        "the head deleted, and appended again with the attacker's files",
        source_elsewhere,
        3,
        "version 3 is void: its source is",
        DOWNGRADE,
        removes_head=True,
    ),
    Attack(
        "`source` edited in the database",
        "the head's, to A's files",
        source_edited_in_database,
        3,
        "version 2 is void: its source is",
        DOWNGRADE,
        removes_head=True,
    ),
    Attack(
        "head deleted",
        "version 2",
        delete_head,
        0,
        "alias production is on version None, the head is 1",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "older entry deleted",
        "version 1",
        delete_older_entry,
        3,
        "version 2 is broken: it follows",
        BROKEN,
        "the ledger is broken",
        removes_head=True,
    ),
    Attack(
        "winner of a race deleted",
        "a rollback won against C's promotion, and is deleted",
        delete_winner,
        0,
        "alias production is on version None, the head is 4",
        Serves("C", 4),
    ),
    Attack(
        "winner of a race deleted that has a successor",
        "the same, with a freeze after the rollback",
        delete_winner_with_successor,
        3,
        "version 5 is broken: it follows",
        Refuses("the ledger is broken: version 5 is broken: it follows"),
    ),
    Attack(
        "older entry deleted and appended again",
        "version 1, which becomes version 3",
        older_entry_again,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "head deleted and appended again",
        "version 2, which becomes version 3",
        head_again,
        0,
        "alias production is on version None, the head is 3",
        Serves("B", 3),
    ),
)
