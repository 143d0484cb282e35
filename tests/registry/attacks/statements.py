"""Attacks on the statements in the tag `statement`: edited, copied, forged, replayed."""

from __future__ import annotations

import base64
import json

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from securesystemslib.signer import CryptoSigner

from registry.ledger.keys import find, with_key, with_last, write_trust
from registry.ledger.statement import sign
from registry.ledger.trust import trusted_key
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.rollback import rollback
from registry.tracking.names import CANDIDATES, PRODUCTION, STATEMENT_TAG
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

MAX_TAG_CHARACTERS = 100_000


def edit_tag(target: Target) -> None:
    """B's statement, with another candidate in it and the old signature."""
    envelope = json.loads(target.envelope(2))
    payload = base64.b64decode(envelope["payload"]).replace(b'"version":2', b'"version":1')
    envelope["payload"] = base64.b64encode(payload).decode()
    target.set_envelope(2, json.dumps(envelope))


def delete_statement(target: Target) -> None:
    target.client.delete_model_version_tag(PRODUCTION, "2", STATEMENT_TAG)


def delete_older_statement(target: Target) -> None:
    target.client.delete_model_version_tag(PRODUCTION, "1", STATEMENT_TAG)


def copy_envelope(target: Target) -> None:
    target.set_envelope(2, target.envelope(1))


def add_bad_signature(target: Target) -> None:
    envelope = json.loads(target.envelope(2))
    envelope["signatures"].append({"keyid": "f" * 64, "sig": "AAAA"})
    target.set_envelope(2, json.dumps(envelope))


def sign_with_own_key(target: Target) -> None:
    own = CryptoSigner(generate_private_key(SECP256R1()))
    target.insert_signed(target.promotion_of_c(target.world.ledger), own)


def sign_with_own_key_under_a_trusted_id(target: Target) -> None:
    own = CryptoSigner(generate_private_key(SECP256R1()))
    envelope = json.loads(sign(target.promotion_of_c(target.world.ledger), own))
    envelope["signatures"][0]["keyid"] = target.world.trust.keys[0].keyid
    target.append(1, envelope=json.dumps(envelope))


def envelope_of_another_ledger(target: Target) -> None:
    """Another ledger, such as the test system's, whose readers trust the same key."""
    head = target.world.ledger.chain[1].statement
    entry = head.entry.model_copy(update={"ledger_id": "the test system's"})
    other = head.model_copy(update={"entry": entry})
    target.set_envelope(2, sign(other, target.world.signer))


def append_garbage(target: Target) -> None:
    target.append(1, envelope="[" * MAX_TAG_CHARACTERS)


def append_another_payload_type(target: Target) -> None:
    envelope = json.loads(target.envelope(2))
    envelope["payloadType"] = "\x1b[2J" * 10_000
    target.append(1, envelope=json.dumps(envelope))


def replay_old_statement(target: Target) -> None:
    target.append(1, envelope=target.envelope(1))


def replay_rollback(target: Target) -> None:
    world = target.world
    rollback(world.client, world.trust, world.signer, 1, Approval("github:bob", "as agreed"))
    reference, _ = world.evaluate(2)
    world.promote(reference)
    target.append(3, envelope=target.envelope(3))


def statement_on_candidate(target: Target) -> None:
    target.client.set_model_version_tag(CANDIDATES, "3", STATEMENT_TAG, target.envelope(2))


def restore_head_after_a_promotion(target: Target) -> None:
    envelope = target.envelope(2)
    delete_statement(target)
    reference, _ = target.world.evaluate(3)
    target.world.promote(reference)
    target.set_envelope(2, envelope)


def sign_past_the_last_sequence(target: Target) -> None:
    """The key was stolen and revoked at the head, and a new key is trusted."""
    world = target.world
    own = trusted_key(CryptoSigner(generate_private_key(SECP256R1())).public_key, first=3)
    revoked = with_last(world.trust, find(world.trust, ""), 2, revoked=True)
    write_trust(world.config, with_key(revoked, own))
    target.insert_signed(target.promotion_of_c(world.ledger), world.signer)


def promote_during_freeze(target: Target) -> None:
    """A promoter with the key that skips the checks of `promote`."""
    world = target.world
    set_frozen(world.client, world.trust, world.signer, "freeze", ALICE)
    target.insert_signed(target.promotion_of_c(world.ledger), world.signer)


STATEMENTS = (
    Attack(
        "tag edited",
        "in the head's statement, another candidate with the old signature",
        edit_tag,
        3,
        "version 2 is passed over: the signature is invalid",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "statement deleted",
        "the head's tag `statement`",
        delete_statement,
        3,
        "version 2 is passed over: it has no statement",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "older statement deleted",
        "the tag `statement` of version 1",
        delete_older_statement,
        3,
        "version 2 is broken: it follows",
        BROKEN,
        "the ledger is broken",
        removes_head=True,
    ),
    Attack(
        "envelope copied from another version",
        "A's into B's tag",
        copy_envelope,
        3,
        "version 2 is void: its source is",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "two signatures, one of them invalid",
        "a second one into the head's envelope",
        add_bad_signature,
        3,
        "version 2 is passed over: the envelope holds 2 signatures instead of one",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "unknown key",
        "a new version with C's promotion, signed by a key that is not trusted",
        sign_with_own_key,
        3,
        "version 3 is passed over: the signature is by a key that is not trusted",
    ),
    Attack(
        "unknown key under the id of a trusted key",
        "the same, and the envelope names a trusted key",
        sign_with_own_key_under_a_trusted_id,
        3,
        "version 3 is passed over: the signature is invalid",
    ),
    Attack(
        "envelope of another ledger",
        "into the head's tag; the same key signed it",
        envelope_of_another_ledger,
        3,
        "version 2 is passed over: it belongs to another ledger",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "oversized garbage as an envelope",
        "a new version whose tag holds 100,000 opening brackets",
        append_garbage,
        3,
        "version 3 is passed over: the statement is not a DSSE envelope",
    ),
    Attack(
        "envelope of another payload type",
        "a new version with B's envelope, its type 10,000 codes that clear the screen",
        append_another_payload_type,
        3,
        r"version 3 is passed over: the payload type is '\x1b[2J\x1b[2J",
    ),
    Attack(
        "old statement replayed",
        "a new version with A's statement and source",
        replay_old_statement,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "old rollback replayed",
        "a rollback to A, another promotion of B, then the rollback's statement again",
        replay_rollback,
        0,
        "4 entries, 0 problems",
        Serves("B", 4),
    ),
    Attack(
        "statement put on a candidate",
        "the head's, on C in `fraud-detector`",
        statement_on_candidate,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "head hidden during a promotion",
        "its statement deleted, C promoted after A, the statement restored",
        restore_head_after_a_promotion,
        3,
        "version 3 is lost: version 2 won",
    ),
    Attack(
        "key past its last sequence",
        "a stolen key, revoked at the head, signs C's promotion",
        sign_past_the_last_sequence,
        3,
        "is signed past its key's last sequence",
        Refuses("is signed past its key's last sequence"),
        "is signed past its key's last sequence",
    ),
    Attack(
        "promotion signed during a freeze",
        "by a promoter with the key that skips the checks of `promote`",
        promote_during_freeze,
        3,
        "version 4 is void: the ledger is frozen",
        promote="the ledger is frozen by github:alice: as agreed",
    ),
)
