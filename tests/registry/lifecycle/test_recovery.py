"""A ledger.yaml that was lost: nobody starts over by mistake, and the file can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from registry.errors import Refused, UsageError, VerificationError
from registry.ledger.keys import read_key
from registry.ledger.tip import Tip
from registry.ledger.trust import read_trust, trusted_key
from registry.lifecycle.recovery import check_not_lost, recover, write_recovered
from registry.tracking.rest import Registry
from tests.world import World


def test_without_a_ledger_on_the_server_nothing_is_lost(world: World, tmp_path: Path) -> None:
    world.register()
    check_not_lost(Registry(world.server.uri), tmp_path / "ledger.yaml")


def test_with_a_ledger_on_the_server_the_way_to_its_configuration_is_said(
    world: World, tmp_path: Path
) -> None:
    world.put_in_production()
    check_not_lost(Registry(world.server.uri), world.config)
    lost = tmp_path / "lost.yaml"
    with pytest.raises(UsageError) as refused:
        check_not_lost(Registry(world.server.uri), lost)
    assert str(refused.value) == (
        f"there is no {lost}, but {world.server.uri} has a ledger, from version 1 on: get its "
        "ledger.yaml back from version control, from a reader or from a backup, or make it again "
        "with `python -m registry keys recover KEY.pem`"
    )


def test_the_first_key_and_the_ledger_give_the_configuration_back(
    world: World, tmp_path: Path
) -> None:
    world.put_in_production()
    floor, again = Tip.of(world.ledger), tmp_path / "new" / "ledger.yaml"
    trust, ledger = recover(Registry(world.server.uri), world.trust.keys[0], floor)
    assert ledger == world.ledger
    write_recovered(again, trust)
    assert read_trust(again) == world.trust
    with pytest.raises(UsageError, match="already exists, and is not replaced"):
        write_recovered(again, trust)
    assert [path.name for path in again.parent.iterdir()] == ["ledger.yaml"]


def test_another_key_gives_nothing_back(world: World) -> None:
    world.put_in_production()
    other = trusted_key(CryptoSigner.generate_ecdsa().public_key)
    with pytest.raises(Refused, match="signed the first statements of 0 ledgers"):
        recover(Registry(world.server.uri), other, None)


def test_a_ledger_that_has_lost_the_floor_is_not_taken(world: World) -> None:
    link = world.put_in_production()
    floor = Tip(world.trust.ledger_id, 2, "0" * 64)
    assert link.version == 1
    with pytest.raises(VerificationError):
        recover(Registry(world.server.uri), world.trust.keys[0], floor)


def test_a_private_key_stands_for_its_public_one(world: World, tmp_path: Path) -> None:
    (key,) = world.trust.keys
    public = tmp_path / "key.pub"
    public.write_text(key.public_pem)
    assert read_key(world.key) == key
    assert read_key(public) == key
    public.write_text("no key")
    with pytest.raises(UsageError, match="is not a public key in PEM format"):
        read_key(public)
    with pytest.raises(UsageError, match="No such file"):
        read_key(tmp_path / "missing.pem")
