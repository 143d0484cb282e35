"""Signed entries in memory, for the fold without a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, Signer

from registry.ledger.chain import Ledger, Version
from registry.ledger.fold import fold
from registry.ledger.statement import (
    PAYLOAD_TYPE,
    CandidateRef,
    Entry,
    EvidenceRef,
    PolicyRef,
    Statement,
    sign,
)
from registry.ledger.trust import Trust, TrustedKey, trusted_key

LEDGER_ID = "11111111-2222-3333-4444-555555555555"
ALICE = CryptoSigner.generate_ecdsa()
BOB = CryptoSigner.generate_ecdsa()


def trusted(signer: CryptoSigner, first: int = 1, last: int | None = None) -> TrustedKey:
    return trusted_key(signer.public_key, first).model_copy(update={"last": last})


TRUST = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE),))
REVOKED = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=2), trusted(BOB)))
"""Alice's key ends with sequence 2; Bob may sign what follows."""


def promote(letter: str, follows: Statement | None = None, **changes: Any) -> Statement:
    """A promotion of the model whose one file has the digest `letter` × 64."""
    entry: dict[str, Any] = {
        "ledger_id": LEDGER_ID,
        "sequence": follows.entry.sequence + 1 if follows else 1,
        "supersedes": follows.digest if follows else None,
        "action": "promote",
        "source": f"mlflow-artifacts:/1/{letter}/artifacts/model",
        "candidate": CandidateRef(version=4, run_id="c0ffee"),
        "evidence": EvidenceRef(run_id="beef", sha256="e" * 64),
        "policy": PolicyRef(name="default", sha256="f" * 64),
        "verdict": "11 of 12 checks passed; advisory: latency.ratio",
        "approver": "github:alice",
        "approved_at": datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        "comment": "fewer false alerts – Müller",
        "url": "https://example.com/approvals/1",
    }
    return Statement(files={"model.onnx": letter * 64}, entry=Entry(**{**entry, **changes}))


def rollback(to: Statement, follows: Statement) -> Statement:
    (digest,) = to.files.values()
    return promote(digest[0], follows, action="rollback", source=to.entry.source)


def repeated(action: Literal["freeze", "unfreeze"], of: Statement, follows: Statement) -> Statement:
    """A freeze or an unfreeze, which repeats the files and the source of statement `of`."""
    (digest,) = of.files.values()
    return promote(digest[0], follows, action=action, source=of.entry.source)


def planned(letter: str, follows: Statement | None = None) -> Statement:
    """A plan of the candidate whose one file has the digest `letter` × 64."""
    source = "mlflow-artifacts:/1/beef/artifacts"
    return promote(letter, follows, action="plan", source=source, verdict="planned")


def version(number: int, statement: Statement, signer: Signer = ALICE) -> Version:
    return Version(number, statement.entry.source, sign(statement, signer))


def numbered(*statements: Statement) -> list[Version]:
    """The statements as the versions 1, 2, …, signed by Alice."""
    return [version(number, statement) for number, statement in enumerate(statements, 1)]


def folded(*versions: Version, trust: Trust = TRUST) -> Ledger:
    return fold(versions, trust)


A = promote("a")
B = promote("b", A)
C = promote("c", B)
FREEZE = repeated("freeze", B, B)


def envelope(payload: bytes, *signers: Signer, payload_type: str = PAYLOAD_TYPE) -> str:
    """Any bytes in an envelope, signed by each signer."""
    result = Envelope(payload, payload_type, {})
    for signer in signers:
        result.sign(signer)
    return json.dumps(result.to_dict())
