"""A signing key in Key Vault: the real SDK against a stand-in, and every way it can fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from securesystemslib.signer import CryptoSigner

from deploy.local.processes import free_port
from registry.errors import Refused, RegistryError, Unreachable, UsageError
from registry.ledger import vault
from registry.ledger.keys import read_public_key
from registry.ledger.trust import Trust, open_signer, trusted_key
from registry.tracking.names import PRODUCTION
from tests.registry.cli.commands import run_module
from tests.registry.key_vault import VERSION, KeyVault, key_vault
from tests.world import World


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyVault]:
    """A vault, and the environment of a job that may use its key."""
    for name in [*os.environ]:
        if name.startswith("AZURE_") or name.lower() in ("https_proxy", "no_proxy"):
            monkeypatch.delenv(name)
    with key_vault(tmp_path) as azure_vault:
        for name, value in azure_vault.environment.items():
            monkeypatch.setenv(name, value)
        yield azure_vault


@pytest.fixture
def public_key(azure: KeyVault, tmp_path: Path) -> Path:
    """What a platform engineer downloads from the vault."""
    path = tmp_path / "vault.pub"
    path.write_text(azure.public_pem)
    return path


@pytest.fixture
def trust(public_key: Path) -> Trust:
    return Trust(ledger_id="ours", keys=(read_public_key(public_key, 1),))


def with_vault_key(world: World, trust: Trust, azure: KeyVault) -> World:
    """The same server, with a ledger whose one trusted key is the vault's."""
    ours = trust.model_copy(update={"ledger_id": world.trust.ledger_id})
    return replace(world, trust=ours, signer=open_signer(azure.uri, ours))


def registry(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    done = run_module(environment, *arguments)
    return done.returncode, done.stdout, done.stderr


def test_a_key_in_the_vault_signs_a_promotion_from_the_command_line(
    world: World, azure: KeyVault, public_key: Path
) -> None:
    """The setup of a new ledger as in `docs/registry.md`, then a promotion by an approved job."""
    environment = {**world.environment, "FRAUD_SIGNING_KEY": azure.uri}
    code, out, _ = registry(environment, "keys", "add", str(public_key), "--first", "1")
    keyid = read_public_key(public_key, 1).keyid
    assert (code, out.splitlines()[-1]) == (0, f"key {keyid[:12]} may sign from sequence 1 on")
    before = world.trust.keys[0].keyid
    assert registry(environment, "keys", "retire", before, "--last", "0")[0] == 0
    world.key.unlink()

    reference, _ = world.evaluate(world.register())
    code, out, error = registry(environment, "promote", reference, "--approver", "github:alice")
    assert (code, out) == (0, "in Production: version 1: promote of candidate 1 by github:alice\n")
    assert "azure" not in error

    envelope = world.client.get_model_version(PRODUCTION, "1").tags["statement"]
    assert f'"keyid":"{keyid}"' in envelope
    code, out, _ = registry(environment, "verify")
    assert (code, out.splitlines()[-1]) == (0, "1 entries, 0 problems")


def test_only_get_and_sign_are_requested_from_the_vault(azure: KeyVault, trust: Trust) -> None:
    signer = open_signer(azure.uri, trust)
    assert {request for request in azure.requests if request.startswith("vault")} == {
        f"vault GET {VERSION}",
        "vault POST sign",
    }
    assert azure.signatures == 1
    trust.keys[0].key().verify_signature(signer.sign(b"statement"), b"statement")
    assert azure.requests[-1] == "vault POST sign"


def test_permission_to_sign_is_enough(azure: KeyVault, trust: Trust) -> None:
    azure.denied = ("get",)
    open_signer(azure.uri, trust)
    assert azure.signatures == 1


def test_the_key_is_found_among_several_that_are_trusted(
    azure: KeyVault, trust: Trust, tmp_path: Path
) -> None:
    others = (CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ed25519())
    keys = (*(trusted_key(signer.public_key) for signer in others), *trust.keys)
    signer = open_signer(azure.uri, Trust(ledger_id="ours", keys=keys))
    assert signer.public_key.keyid == trust.keys[0].keyid


DENIED = (
    "Key Vault does not allow this job to sign with {key}: (Forbidden) Caller is not authorized.; "
    "grant its identity `get` and `sign` on that key, and its network access to the vault"
)
NO_TOKEN = (
    "Entra ID issued no token to sign with {key}: EnvironmentCredential: Authentication failed: "
    "AADSTS7000215: Invalid client secret provided.; it must be reachable, and the job needs a "
    "workload identity, or AZURE_TENANT_ID, AZURE_CLIENT_ID and a credential"
)
BROKEN = (
    "Key Vault is not available for {key}: (ServiceUnavailable) Try again.; nothing was signed, so "
    "try again later"
)
CANNOT = (
    "Key Vault cannot sign with {key}: (BadParameter) Key and signing algorithm are incompatible.; "
    "set FRAUD_SIGNING_KEY to azurekms://VAULT.vault.azure.net/keys/NAME/VERSION of an enabled EC "
    "key on P-256"
)
ANOTHER = (
    "the signing key azurekms:… is not usable (Failed to verify signature by {keyid}); set "
    "FRAUD_SIGNING_KEY to the URI of a key that ledger.yaml trusts"
)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"denied": ("sign",)}, Refused, DENIED),
        ({"denied": ("token",)}, UsageError, NO_TOKEN),
        ({"broken": 503}, Unreachable, BROKEN),
        ({"key": generate_rsa(65537, 2048)}, UsageError, CANNOT),
        ({"key": generate_private_key(SECP384R1())}, UsageError, CANNOT),
        ({"key": generate_private_key(SECP256R1())}, UsageError, ANOTHER),
    ],
    ids=["may not sign", "no token", "out of service", "RSA", "P-384", "another key"],
)
def test_a_vault_that_does_not_sign_gives_one_line_with_a_remedy(
    azure: KeyVault,
    trust: Trust,
    changes: dict[str, Any],
    error: type[RegistryError],
    message: str,
) -> None:
    for name, value in changes.items():
        setattr(azure, name, value)
    with pytest.raises(RegistryError) as refusal:
        open_signer(azure.uri, trust)
    assert type(refusal.value) is error
    assert str(refusal.value) == message.format(key=azure.address, keyid=trust.keys[0].keyid)


def test_a_key_that_is_not_in_the_vault_is_reported(azure: KeyVault, trust: Trust) -> None:
    with pytest.raises(UsageError, match=r"\(KeyNotFound\) A key with this name was not found"):
        open_signer(azure.uri.replace("ledger", "another"), trust)


def test_a_uri_that_is_not_a_keys_is_refused(azure: KeyVault, trust: Trust) -> None:
    with pytest.raises(UsageError, match=r"^the signing key azurekms:… is not usable \(.+\); set"):
        open_signer("azurekms://fraud.vault.azure.net", trust)
    assert azure.requests == []


def test_an_unreachable_vault_is_reported_soon(
    azure: KeyVault, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unreachable) as refusal:
        open_signer(azure.uri, trust)
    message = str(refusal.value)
    assert message.startswith(f"Key Vault is not available for {azure.address}: ")
    assert "Connection refused" in message
    assert message.endswith("; nothing was signed, so try again later")


def test_a_vault_that_does_not_respond_is_tried_twice_and_no_more(
    azure: KeyVault, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.silent_seconds = 1
    monkeypatch.setitem(vault.TIMEOUTS, "read_timeout", 0.2)
    with pytest.raises(Unreachable, match=r"Read timed out\. \(read timeout=0\.2\); nothing was"):
        open_signer(azure.uri, trust)
    assert azure.requests == [f"vault GET {VERSION}"] * 2


def test_the_longest_wait_for_the_vault_is_half_a_minute() -> None:
    attempts = 1 + vault.TIMEOUTS["retry_total"]
    assert attempts * vault.TIMEOUTS["read_timeout"] <= 30
    assert attempts * vault.TIMEOUTS["connection_timeout"] <= 30


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"denied": ("sign",)}, Refused, "Key Vault does not allow this job to sign with https://"),
        ({"broken": 503}, Unreachable, "Key Vault is not available for https://"),
        (
            {"signs_with": generate_private_key(SECP256R1()), "honest": 1},
            UsageError,
            "the statement was not signed by key [0-9a-f]{12}: the signature is invalid; nothing "
            "was appended",
        ),
    ],
    ids=["no longer allowed to sign", "out of service", "another key"],
)
def test_a_vault_that_fails_after_the_signer_was_opened_leaves_the_ledger_as_it_was(
    world: World,
    azure: KeyVault,
    trust: Trust,
    changes: dict[str, Any],
    error: type[RegistryError],
    message: str,
) -> None:
    ours = with_vault_key(world, trust, azure)
    reference, _ = ours.evaluate(ours.register())
    for name, value in changes.items():
        setattr(azure, name, value)
    with pytest.raises(error, match=message):
        ours.promote(reference)
    assert ours.client.search_model_versions(f"name='{PRODUCTION}'") == []


def test_a_refusal_on_the_command_line_is_one_line_without_the_sdks_logs(
    world: World, azure: KeyVault, public_key: Path
) -> None:
    environment = {**world.environment, "FRAUD_SIGNING_KEY": azure.uri}
    registry(environment, "keys", "add", str(public_key), "--first", "1")
    azure.denied = ("token",)
    reason = ("--reason", "why not", "--approver", "github:bob")
    code, out, error = registry(environment, "rollback", *reason)
    assert (code, out) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith("error: Entra ID issued no token to sign with https://")
