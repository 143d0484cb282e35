"""Trusted keys: adding, retiring and revoking one, and the effect on the head."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from securesystemslib.signer import Signer
from typer.testing import CliRunner

from registry.cli.main import app
from registry.errors import NotFound, UsageError
from registry.ledger.creation import create_ledger
from registry.ledger.keys import find, read_public_key, with_key, with_last
from registry.ledger.trust import Trust, open_signer, read_trust
from registry.lifecycle.approval import Approval
from registry.lifecycle.rollback import rollback
from tests.world import World

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def write_pair(folder: Path, private: Private) -> tuple[Path, Path]:
    secret, public = folder / "second.pem", folder / "second.pub"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return secret, public


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")


@pytest.mark.parametrize(
    ("private", "scheme"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ecdsa-sha2-nistp256"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
    ],
)
def test_a_second_key_of_either_kind_signs_once_it_is_added(
    tmp_path: Path, trust: Trust, private: Private, scheme: str
) -> None:
    secret, public = write_pair(tmp_path, private)
    key = read_public_key(public, first=5)
    assert (key.scheme, key.first, key.last, key.state) == (scheme, 5, None, "in use")
    more = with_key(trust, key)
    assert open_signer(f"file2:{secret}", more).public_key.keyid == key.keyid


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    _, public = write_pair(tmp_path, rsa.generate_private_key(65537, 2048))
    with pytest.raises(UsageError, match="use ECDSA P-256 or Ed25519"):
        read_public_key(public, first=1)


def test_a_private_key_or_no_key_at_all_is_refused(tmp_path: Path) -> None:
    secret, _ = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(UsageError, match="pass the public key only"):
        read_public_key(secret, first=1)
    with pytest.raises(UsageError, match="No such file"):
        read_public_key(tmp_path / "absent.pub", first=1)


def test_a_key_is_added_once(trust: Trust) -> None:
    with pytest.raises(UsageError, match="is already trusted"):
        with_key(trust, trust.keys[0])


def test_a_key_is_found_by_a_prefix_of_its_id(trust: Trust) -> None:
    assert find(trust, trust.keys[0].keyid[:6]) == trust.keys[0]
    with pytest.raises(NotFound, match="0 keys have an id that starts with 'zz'"):
        find(trust, "zz")


def test_a_revoked_key_never_regains_a_sequence(trust: Trust) -> None:
    revoked = with_last(trust, trust.keys[0], 3, revoked=True)
    assert (revoked.keys[0].state, revoked.keys[0].last) == ("revoked", 3)
    with pytest.raises(UsageError, match="already ends with sequence 3"):
        with_last(revoked, revoked.keys[0], 4, revoked=False)
    still = with_last(revoked, revoked.keys[0], 2, revoked=False)
    assert (still.keys[0].state, still.keys[0].last) == ("revoked", 2)


def command(world: World, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["keys", *arguments], env=world.environment)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.output


def second_signer(world: World, folder: Path, first: int) -> Signer:
    secret, public = write_pair(folder, ed25519.Ed25519PrivateKey.generate())
    command(world, "add", str(public), "--first", str(first))
    return open_signer(f"file2:{secret}", read_trust(world.config))


def test_retiring_prints_that_the_head_stays_and_ends_with_the_tip(world: World) -> None:
    world.put_in_production()
    output = command(world, "retire", world.trust.keys[0].keyid[:8])
    assert "the head stays: version 1: promote of candidate 1 by github:alice" in output
    assert read_trust(world.config).keys[0].last == 1
    assert "retired" in command(world, "list")


def test_revoking_prints_that_nothing_is_in_force_until_a_rollback(
    world: World, tmp_path: Path
) -> None:
    first = world.put_in_production()
    world.put_in_production(quality=0.99)
    other = second_signer(world, tmp_path, first=3)
    output = command(world, "revoke", world.trust.keys[0].keyid[:8], "--last", "1")
    assert "with this change: none (version 2: promote of candidate 2 by github:alice" in output
    trust = read_trust(world.config)
    link, _ = rollback(world.client, trust, other, 1, Approval("github:bob", "key was lost"))
    assert link.statement.files == first.statement.files
    assert link.statement.entry.sequence == 3


def test_without_a_server_no_key_is_changed(world: World) -> None:
    before = world.config.read_text()
    environment = {**world.environment, "MLFLOW_TRACKING_URI": ""}
    start = world.trust.keys[0].keyid[:8]
    arguments = ["keys", "revoke", start, "--last", "0"]
    result = CliRunner().invoke(app, arguments, env=environment)
    assert isinstance(result.exception, UsageError)
    assert world.config.read_text() == before


def test_a_change_of_keys_is_printed_as_json_too(world: World, tmp_path: Path) -> None:
    world.put_in_production()
    _, public = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate())
    answer = json.loads(command(world, "add", str(public), "--first", "2", "--json"))
    assert answer["effect"].startswith("the head stays: version 1: promote of candidate 1")
    assert [(key["first"], key["last"]) for key in answer["keys"]] == [(1, None), (2, None)]
