"""The attestation of a training job: its canonical bytes, and what is refused."""

from __future__ import annotations

import json

import pytest

from registry.errors import VerificationError
from registry.ledger.statement import sign_payload
from registry.provenance.attestation import open_attestation, sign_attestation
from tests.registry.provenance.origins import Origin


def test_what_was_signed_is_read_back(origin: Origin) -> None:
    envelope = sign_attestation(origin.attestation, origin.signer)
    assert open_attestation(envelope, origin.trusted.public_keys()) == (
        origin.attestation,
        origin.signer.public_key.keyid,
    )


def test_it_is_an_in_toto_statement_with_slsa_provenance(origin: Origin) -> None:
    document = json.loads(origin.attestation.payload())

    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    assert document["subject"][1] == {"name": "model.onnx", "digest": {"sha256": "b" * 64}}
    predicate = document["predicate"]
    assert predicate["buildDefinition"]["resolvedDependencies"][0] == {
        "name": "commit",
        "digest": {"gitCommit": origin.commit},
    }
    assert predicate["runDetails"] == {
        "builder": {"id": "local"},
        "metadata": {
            "invocationId": "os:carol",
            "startedOn": "2026-03-09T11:00:00Z",
            "finishedOn": "2026-03-09T12:00:00Z",
        },
    }


def test_what_is_signed_in_another_form_is_refused(origin: Origin) -> None:
    document = json.loads(origin.attestation.payload())
    spaced = json.dumps(document, sort_keys=True).encode()
    with pytest.raises(VerificationError, match="not in canonical form"):
        open_attestation(sign_payload(spaced, origin.signer), origin.trusted.public_keys())


@pytest.mark.parametrize("payload", [b"[]", b"{}", b"null", b'{"subject": 1}', b"\xff"])
def test_what_is_signed_and_no_attestation_is_refused(origin: Origin, payload: bytes) -> None:
    with pytest.raises(VerificationError, match="is not an attestation of a training"):
        open_attestation(sign_payload(payload, origin.signer), origin.trusted.public_keys())


def test_a_ledger_statement_is_no_attestation(origin: Origin) -> None:
    """The same key for both would be a mistake, and could not be used so."""
    document = json.loads(origin.attestation.payload())
    document["predicateType"] = "https://fraud-registry.example/ledger-entry/v1"
    payload = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(VerificationError, match="not in canonical form"):
        open_attestation(sign_payload(payload, origin.signer), origin.trusted.public_keys())
