"""The content of a ledger entry, byte for byte, and which envelopes are refused."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from securesystemslib.signer import CryptoSigner, Key

from registry.errors import VerificationError
from registry.ledger.fold import fold
from registry.ledger.statement import (
    PAYLOAD_TYPE,
    Entry,
    Statement,
    format_time,
    open_envelope,
    sign,
)
from registry.ledger.trust import read_trust
from tests.registry.entries import (
    ALICE,
    BOB,
    TRUST,
    envelope,
    planned,
    promote,
    repeated,
    rollback,
    version,
)

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_SHA256 = "773769b8f2ffde852fa462d93af23d7aa1f0b6bb5abaded48174c234e26f8239"
KEYS = TRUST.public_keys()


def golden_statement() -> Statement:
    entry = promote("a").entry.model_copy(update={"sequence": 2, "supersedes": "d" * 64})
    return Statement(files={"model.onnx": "a" * 64, "MLmodel": "0" * 63 + "1"}, entry=entry)


def refused(text: str, keys: list[Key] | None = None) -> str:
    """The reason for which an envelope is refused."""
    with pytest.raises(VerificationError) as refusal:
        open_envelope(text, KEYS if keys is None else keys)
    return str(refusal.value)


PROMOTE = promote("a")
FREEZE = repeated("freeze", PROMOTE, PROMOTE)
ROLLBACK = rollback(PROMOTE, FREEZE)
UNFREEZE = repeated("unfreeze", ROLLBACK, ROLLBACK)
PLAN = planned("b", UNFREEZE)


def test_the_canonical_bytes_are_those_of_the_golden_file() -> None:
    golden = (GOLDEN / "statement.json").read_bytes()
    assert golden_statement().payload() == golden
    assert hashlib.sha256(golden).hexdigest() == GOLDEN_SHA256
    assert golden_statement().digest == GOLDEN_SHA256


@pytest.mark.parametrize(
    ("statement", "sha256"),
    [
        (PROMOTE, "ec5292371ebb8733053519bb193a52ee68cd3f0f96d3ffde8f2f615b415ddbe4"),
        (FREEZE, "0938ef991f0c3158c3ffc0669630d1da455b1ee3bf7712650ff262faa3fd4475"),
        (ROLLBACK, "f1a0d0fda867e070669be6e69b490ae11a97dfb79f7df62890ce6a99322da8bd"),
        (UNFREEZE, "16f11743b98ed96d1073da8fd63bb90984ae976e8e2140d1c30a9002eaa52b71"),
        (PLAN, "b58646a5889d6519f8895cf8865f821d48b99ad53c8ac8fc34b99c6dee1ecc4c"),
    ],
    ids=["promote", "freeze", "rollback", "unfreeze", "plan"],
)
def test_the_bytes_of_each_action_are_those_of_its_golden_file(
    statement: Statement, sha256: str
) -> None:
    golden = (GOLDEN / f"{statement.entry.action}.json").read_bytes()
    assert statement.payload() == golden
    assert hashlib.sha256(golden).hexdigest() == sha256
    assert open_envelope(envelope(golden, ALICE), KEYS)[0] == statement


def test_the_golden_statements_are_a_ledger() -> None:
    chain = (PROMOTE, FREEZE, ROLLBACK, UNFREEZE, PLAN)
    ledger = fold([version(number, one) for number, one in enumerate(chain, 1)], TRUST)
    assert tuple(link.statement for link in ledger.chain) == chain
    assert (ledger.head, ledger.frozen) == (ledger.chain[2], False)


def test_an_envelope_signed_long_ago_still_opens() -> None:
    trust = read_trust(GOLDEN / "ledger.yaml")
    statement, keyid = open_envelope((GOLDEN / "envelope.json").read_text(), trust.public_keys())
    assert statement == golden_statement()
    assert keyid == "49e8dd0298f497d956933b9ca74f80e17ae94d976dd355e08d2ac6a833f5800e"


def test_the_order_of_files_does_not_change_the_bytes() -> None:
    entry = promote("a").entry
    statement = Statement(files={"b": "1" * 64, "a": "2" * 64}, entry=entry)
    other = Statement(files={"a": "2" * 64, "b": "1" * 64}, entry=entry)
    assert statement.payload() == other.payload()


def test_times_are_written_in_utc_to_the_second() -> None:
    time = datetime(2026, 5, 4, 3, 2, 1, 999_999, tzinfo=timezone(timedelta(hours=-5)))
    assert format_time(time) == "2026-05-04T08:02:01Z"


@pytest.mark.parametrize(
    "change",
    [
        {"approved_at": datetime(2026, 5, 4)},
        {"sequence": 0},
        {"action": "delete"},
        {"supersedes": "D" * 64},
        {"supersedes": "d" * 64 + "\n"},
        {"approver": ""},
        {"verdict": ""},
        {"mood": "good"},
    ],
)
def test_an_invalid_entry_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        promote("a", **change)


def test_an_entry_without_a_verdict_is_refused() -> None:
    fields = promote("a").entry.model_dump(exclude={"verdict"})
    with pytest.raises(ValidationError, match=r"verdict\n  Field required"):
        Entry.model_validate(fields)


def test_a_statement_without_files_is_refused() -> None:
    with pytest.raises(ValidationError):
        Statement(files={}, entry=promote("a").entry)


def test_a_signed_statement_opens_to_itself_and_its_key() -> None:
    statement = promote("a")
    assert open_envelope(sign(statement, ALICE), KEYS) == (statement, ALICE.public_key.keyid)


def test_an_ed25519_signature_is_accepted_too() -> None:
    signer = CryptoSigner.generate_ed25519()
    opened, _ = open_envelope(sign(promote("a"), signer), [signer.public_key])
    assert opened == promote("a")


def test_no_signature_is_refused() -> None:
    reason = refused(envelope(promote("a").payload()))
    assert reason == "the envelope holds 0 signatures instead of one"


def test_a_second_signature_is_refused_even_if_both_are_valid() -> None:
    both = envelope(promote("a").payload(), ALICE, BOB)
    reason = refused(both, [ALICE.public_key, BOB.public_key])
    assert reason == "the envelope holds 2 signatures instead of one"


def test_an_invalid_signature_beside_a_valid_one_is_refused() -> None:
    document = json.loads(envelope(promote("a").payload(), ALICE))
    document["signatures"].append({"keyid": BOB.public_key.keyid, "sig": "AAAA"})
    assert refused(json.dumps(document)) == "the envelope holds 2 signatures instead of one"


def test_the_signature_of_an_unknown_key_is_refused() -> None:
    reason = refused(sign(promote("a"), BOB))
    assert reason.startswith("the signature is by a key that is not trusted")


def test_a_signature_under_another_keys_id_is_refused() -> None:
    document = json.loads(sign(promote("a"), BOB))
    document["signatures"][0]["keyid"] = ALICE.public_key.keyid
    assert refused(json.dumps(document)) == "the signature is invalid"


def test_another_payload_type_is_refused_even_with_a_valid_signature() -> None:
    text = envelope(promote("a").payload(), ALICE, payload_type="application/json")
    assert refused(text) == "the payload type is 'application/json'"


def test_a_payload_type_changed_after_signing_is_refused() -> None:
    document = json.loads(envelope(promote("a").payload(), ALICE, payload_type="text/plain"))
    document["payloadType"] = PAYLOAD_TYPE
    assert refused(json.dumps(document)) == "the signature is invalid"


def test_a_changed_payload_is_refused() -> None:
    document = json.loads(sign(promote("a"), ALICE))
    document["payload"] = base64.b64encode(promote("b").payload()).decode()
    assert refused(json.dumps(document)) == "the signature is invalid"


def test_a_signed_payload_that_is_not_canonical_is_refused() -> None:
    document = json.loads(promote("a").payload())
    reason = refused(envelope(json.dumps(document).encode(), ALICE))
    assert reason == "the signed payload is not in canonical form"


def test_a_signed_payload_with_a_duplicate_file_is_refused() -> None:
    document = json.loads(promote("a").payload())
    document["subject"].insert(0, {"name": "model.onnx", "digest": {"sha256": "b" * 64}})
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    reason = refused(envelope(text.encode(), ALICE))
    assert reason == "the signed payload is not in canonical form"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"subject": 5, "predicate": {}}',
        b'{"subject": [{"name": [], "digest": {"sha256": 1}}], "predicate": {}}',
        b"[" * 100_000,
        b'{"subject": [], "predicate": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda payload: repr(payload[:20]),
)
def test_signed_bytes_that_are_not_a_statement_are_refused(payload: bytes) -> None:
    assert refused(envelope(payload, ALICE)) == "the signed payload is not a ledger statement"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("approved_at", "0001-01-01T00:00:00+23:59"),
        ("approved_at", "9999-12-31T23:59:59-23:59"),
        ("comment", "\ud800"),
    ],
)
def test_a_signed_value_that_cannot_be_serialized_is_refused(field: str, value: str) -> None:
    document = json.loads(promote("a").payload())
    document["predicate"][field] = value
    reason = refused(envelope(json.dumps(document).encode(), ALICE))
    assert reason == "the signed payload is not a ledger statement"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        '"text"',
        "{}",
        "not JSON",
        "[" * 100_000,
        "x" * 5_000_000,
        '{"payload": "é", "payloadType": "a", "signatures": []}',
        '{"payload": "", "payloadType": "a", "signatures": null}',
        '{"payload": "", "payloadType": "a", "signatures": [null]}',
        '{"payload": "", "payloadType": "a", "signatures": "x"}',
        '{"payload": "", "payloadType": "a", "signatures": [{"keyid": [], "sig": ""}]}',
        '{"payload": "", "payloadType": "a", "signatures": [{"keyid": "", "sig": 5}]}',
    ],
    ids=lambda text: text[:80],
)
def test_text_that_is_not_an_envelope_is_refused(text: str) -> None:
    assert refused(text) == "the statement is not a DSSE envelope"


@pytest.mark.parametrize("keyid", [None, 5, 1.5, True])
def test_a_key_id_that_is_not_text_is_refused_like_an_unknown_one(keyid: object) -> None:
    signature = {"keyid": keyid, "sig": ""}
    document = {"payload": "", "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    reason = refused(json.dumps(document))
    assert reason == f"the signature is by a key that is not trusted ({keyid!r})"


def test_a_key_id_cannot_write_to_the_terminal() -> None:
    signature = {"keyid": "\x1b[2J\nall is well", "sig": ""}
    document = {"payload": "", "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    reason = refused(json.dumps(document))
    assert reason.isprintable()


def test_a_payload_type_cannot_write_to_the_terminal() -> None:
    reason = refused(envelope(b"", ALICE, payload_type="\x1b[2J"))
    assert reason == r"the payload type is '\x1b[2J'"


def test_a_long_payload_type_is_cut() -> None:
    reason = refused(envelope(b"", ALICE, payload_type="x" * 1000))
    assert reason == "the payload type is '" + "x" * 39


def test_a_formatted_time_parses_to_the_same_time() -> None:
    time = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    assert datetime.fromisoformat(format_time(time)) == time
