"""The commands that change the trusted keys."""

from __future__ import annotations

from pathlib import Path

from securesystemslib.signer import CryptoSigner

from registry.ledger.tip import Tip
from registry.ledger.trust import Trust, read_trust
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.tracking.client import read_ledger
from tests.registry.cli.commands import Commands
from tests.world import World


def test_keys_list(run_here: Commands, world: World) -> None:
    code, out = run_here("keys", "list")
    assert code == 0
    (key,) = world.trust.keys
    assert out.splitlines()[1].split() == [
        key.keyid[:12],
        "ecdsa-sha2-nistp256",
        "1",
        "in",
        "use",
    ]
    code, out = run_here("keys", "list", "--json")
    assert (code, Trust.model_validate_json(out)) == (0, world.trust)


def test_an_unknown_key_is_reported_with_those_that_exist(run_here: Commands, world: World) -> None:
    assert run_here("keys", "revoke", "zz", "--last", "0") == (2, "")
    assert run_here.error == (
        "error: 0 keys have an id that starts with 'zz'; trusted keys: "
        f"{world.trust.keys[0].keyid[:12]}"
    )


def test_a_key_is_revoked_with_0_and_not_with_less(run_here: Commands, world: World) -> None:
    world.put_in_production()
    start = world.trust.keys[0].keyid[:8]
    assert run_here("keys", "revoke", start, "--last", "-1") == (2, "")
    code, out = run_here("keys", "revoke", start, "--last", "0")
    assert code == 0
    assert out.splitlines()[-1] == (
        f"key {world.trust.keys[0].keyid[:12]} may sign up to sequence 0"
    )
    assert run_here("status") == (3, "")
    assert "is signed past its key's last sequence; nothing is in force" in run_here.error


def test_the_key_that_signed_the_floor_can_be_added_by_a_reader_that_lacks_it(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    other, pem = tmp_path / "other.yaml", tmp_path / "other.pub"
    signer = CryptoSigner.generate_ecdsa()
    world.put_in_production()
    pem.write_text(signer.public_key.keyval["public"])
    other.write_text(world.config.read_text())
    add = ("keys", "add", str(pem), "--first", "2")
    assert run_here(*add)[0] == 0
    trust = read_trust(world.config)
    set_frozen(world.client, trust, signer, "freeze", Approval("github:bob", "change stop"))
    floor = ("--floor", str(Tip.of(read_ledger(world.client, trust))))
    assert run_here("status", *floor, "--config", str(other)) == (3, "")
    assert run_here(*add, *floor, "--config", str(other))[0] == 0
    assert run_here("status", *floor, "--config", str(other))[0] == 0
