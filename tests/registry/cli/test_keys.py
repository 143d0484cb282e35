"""The commands that change the trusted keys."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from registry.ledger.keys import with_key, write_trust
from registry.ledger.tip import Tip
from registry.ledger.trust import Trust, read_trust, trusted_key
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.tracking.client import read_ledger
from tests.registry.cli.commands import Commands
from tests.registry.forked import Ended, registry
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


def test_of_commands_that_run_at_once_none_is_lost(world: World, tmp_path: Path) -> None:
    trust = world.trust
    old = [CryptoSigner.generate_ecdsa().public_key for _ in range(6)]
    new = [CryptoSigner.generate_ecdsa().public_key for _ in range(6)]
    for public in old:
        trust = with_key(trust, trusted_key(public))
    write_trust(world.config, trust)
    for public in new:
        (tmp_path / public.keyid).write_text(public.keyval["public"])
    commands = [
        *(("revoke", public.keyid, "--last", "0") for public in old[:3]),
        *(("retire", public.keyid, "--last", "1") for public in old[3:]),
        *(("add", str(tmp_path / public.keyid), "--first", "3") for public in new),
    ]

    def run(numbered: tuple[int, tuple[str, ...]]) -> Ended:
        number, arguments = numbered
        log = tmp_path / f"{number}.log"
        return registry("keys", *arguments, environment=world.environment, log=log)

    with ThreadPoolExecutor(len(commands)) as pool:
        ended = list(pool.map(run, enumerate(commands)))

    assert {(each.code, each.output if each.code else "") for each in ended} == {(0, "")}
    states = {key.keyid: (key.state, key.first, key.last) for key in read_trust(world.config).keys}
    assert states == {
        world.trust.keys[0].keyid: ("in use", 1, None),
        **{public.keyid: ("revoked", 1, 0) for public in old[:3]},
        **{public.keyid: ("retired", 1, 1) for public in old[3:]},
        **{public.keyid: ("in use", 3, None) for public in new},
    }
    assert [path.name for path in world.config.parent.glob("*ledger*")] == [world.config.name]


def test_a_lost_configuration_is_no_invitation_to_start_over(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_in_production()
    before, tip = world.trust, str(Tip.of(world.ledger))
    world.config.unlink()
    for command in (["status"], ["init"], ["verify"]):
        assert run_here(*command) == (2, "")
        assert "has a ledger, from version 1 on: get its ledger.yaml back" in run_here.error
    assert not world.config.exists()

    key = str(world.key)
    code, out = run_here("keys", "recover", key)
    assert (code, out.splitlines()) == (
        0,
        [
            f"ledger {before.ledger_id}: configuration {world.config}, entries: 1",
            f"tip: {tip}",
            "warning: no floor was given: compare the tip with the newest that you know",
        ],
    )
    assert read_trust(world.config) == before
    monkeypatch.setenv("FRAUD_LEDGER_FLOOR", tip)
    assert run_here("keys", "recover", key) == (2, "")
    assert run_here.error == f"error: {world.config} already exists, and is not replaced"
    world.config.unlink()
    code, out = run_here("keys", "recover", key, "--json")
    assert (code, json.loads(out)["tip"]) == (0, tip)
