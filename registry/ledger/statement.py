"""The content of a ledger entry, as a signed in-toto Statement in a DSSE envelope.

Sources: in-toto Attestation Framework v1 (Statement, subjects as ResourceDescriptors) and
DSSE v1 (Dead Simple Signing Envelope, pre-authentication encoding).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from registry.errors import VerificationError
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.ledger.signing import DsseVerificationError, Envelope, Key, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://fraud-registry.example/ledger-entry/v1"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CandidateRef(_Value):
    """The version of `fraud-detector` that was evaluated."""

    version: Annotated[int, Field(gt=0)]
    run_id: Text


class EvidenceRef(_Value):
    """The evidence of an evaluation: an MLflow run and the sha256 of its `evidence.json`.

    A plan has the run and the sha256 of its `plan.json` here.
    """

    run_id: Text
    sha256: Sha256

    def __str__(self) -> str:
        return f"{self.run_id}@sha256:{self.sha256}"


class PolicyRef(_Value):
    """The policy that was applied: its name and the sha256 of its file."""

    name: Text
    sha256: Sha256


class PlanRef(_Value):
    """A plan in the ledger: the sequence, the digest and the time of its entry."""

    sequence: Annotated[int, Field(gt=0)]
    statement: Sha256
    approved_at: AwareDatetime


class Checkpoint(_Value):
    """What the signer of an entry had folded: the ledger up to the entry that this one follows.

    A reader of the newest versions alone starts from it (`checkpoint`); no other reader uses it.
    """

    version: Annotated[int, Field(gt=0)]
    """The number under which the server listed the entry that this one follows."""
    frozen: bool
    keys: dict[Sha256, tuple[int, int]]
    """The first and the last sequence that each key has signed, by key id."""


class Entry(_Value):
    """The predicate of a statement: one step of the ledger."""

    ledger_id: Text
    sequence: Annotated[int, Field(gt=0)]
    supersedes: Sha256 | None
    action: Literal["promote", "rollback", "freeze", "unfreeze", "plan"]
    source: Text
    candidate: CandidateRef
    evidence: EvidenceRef
    policy: PolicyRef
    verdict: Text
    approver: Text
    approved_at: AwareDatetime
    comment: str = ""
    url: str = ""
    # Left out where there is none, so that the statements of earlier versions stay canonical.
    checkpoint: Checkpoint | None = Field(default=None, exclude_if=lambda value: value is None)

    @property
    def puts_in_force(self) -> bool:
        """Whether this entry puts its files in force, unless its key may not sign it.

        A freeze and an unfreeze repeat the files in force and change nothing about them; a plan
        names the files that are to be evaluated.
        """
        return self.action in ("promote", "rollback")


class Statement(_Value):
    """One ledger entry and the exact files that it puts in force, or that a plan names."""

    files: dict[str, Sha256] = Field(min_length=1)
    entry: Entry

    @property
    def manifest(self) -> Manifest:
        return Manifest(self.files)

    def payload(self) -> bytes:
        """The canonical bytes: in-toto Statement v1 as JSON with sorted keys and no white space."""
        entry = self.entry.model_dump(mode="json")
        entry["approved_at"] = format_time(self.entry.approved_at)
        document = {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": name, "digest": {"sha256": digest}}
                for name, digest in sorted(self.files.items())
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": entry,
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()

    @property
    def digest(self) -> str:
        """Hex sha256 of the payload, which the next entry's `supersedes` names."""
        return sha256_of_bytes(self.payload())


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sign(statement: Statement, signer: Signer) -> str:
    """The statement in a DSSE envelope with the signer's one signature, as JSON text."""
    return sign_payload(statement.payload(), signer)


def sign_payload(payload: bytes, signer: Signer) -> str:
    """A payload of in-toto's type in a DSSE envelope with one signature, as JSON text."""
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":"))


def open_envelope(text: str, keys: list[Key]) -> tuple[Statement, str]:
    """The statement in an envelope, and the id of the key that signed it.

    Raises VerificationError with the reason for anything else.
    """
    payload, keyid = verified_payload(text, keys)
    return _parse(payload), keyid


def verified_payload(text: str, keys: list[Key]) -> tuple[bytes, str]:
    """The payload of a DSSE envelope, and the id of the key that signed it.

    Exactly one signature is accepted: securesystemslib's `verify` ignores an invalid signature
    beside a valid one, so that two readers could disagree on who signed.

    Raises VerificationError with the reason for anything else.
    """
    try:
        document = json.loads(text)
        count = len(document["signatures"])
        envelope = Envelope.from_dict(document)
    except Exception as error:  # parsing text of an attacker may raise anything
        raise VerificationError("the statement is not a DSSE envelope") from error
    if count != 1:
        raise VerificationError(f"the envelope holds {count} signatures instead of one")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError(f"the payload type is {envelope.payload_type!r:.40}")
    (keyid,) = envelope.signatures
    key = next((key for key in keys if key.keyid == keyid), None)
    if key is None:
        raise VerificationError(f"the signature is by a key that is not trusted ({keyid!r:.20})")
    try:
        envelope.verify([key], 1)
    except DsseVerificationError as error:
        raise VerificationError("the signature is invalid") from error
    return envelope.payload, keyid


def _parse(payload: bytes) -> Statement:
    """A signed payload as a Statement, refused unless it is byte for byte the canonical form."""
    try:
        document: dict[str, Any] = json.loads(payload)
        files = {file["name"]: file["digest"]["sha256"] for file in document["subject"]}
        statement = Statement.model_validate({"files": files, "entry": document["predicate"]})
        canonical = statement.payload()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise VerificationError("the signed payload is not a ledger statement") from error
    if canonical != payload:
        raise VerificationError("the signed payload is not in canonical form")
    return statement
