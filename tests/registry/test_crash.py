"""A command killed at any point leaves the old head or the new one, and can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from registry.ledger.chain import Link
from registry.ledger.trust import read_trust
from registry.tracking import candidates
from registry.tracking.names import CANDIDATES, LEDGER_VERSION_TAG, PRODUCTION, PRODUCTION_ALIAS
from tests.registry.command_line import CommandLine
from tests.world import World

BY_ALICE = ("--approver", "github:alice")


@pytest.mark.parametrize("entries_before", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_promotion_killed_after_any_remote_call_is_finished_once_by_the_same_command(
    world: World, command_line: CommandLine, entries_before: int
) -> None:
    old = [world.put_in_production(quality=0.9) for _ in range(entries_before)]
    candidate = str(world.register())
    reference, _ = world.evaluate(int(candidate))
    candidates.stage(world.client, candidate)
    promote = ("promote", reference, *BY_ALICE, "--comment", "better")
    new_heads = []
    for _ in command_line.killed_after_each_call(*promote):
        new_heads.append(_appended(world, old))
        command_line.verify()
        again = command_line(*promote)
        assert again.code == 0, again.output
        (new,) = _appended(world, old)
        assert str(new.statement.entry.evidence) == reference
        _alias_and_tag_name(world, new)
        assert candidates.staged(world.client) is None

        _take_back(world, old, new)
        candidates.stage(world.client, candidate)
        world.client.delete_model_version_tag(CANDIDATES, candidate, LEDGER_VERSION_TAG)
    assert len(_appended(world, old)) == 1
    assert command_line.verify() == []
    assert {len(appended) for appended in new_heads} == {0, 1}


def test_a_rollback_killed_after_any_remote_call_is_finished_once_by_the_same_command(
    world: World, command_line: CommandLine
) -> None:
    old = [world.put_in_production(quality=0.9), world.put_in_production()]
    rollback = ("rollback", "--to", "1", "--reason", "false alerts", *BY_ALICE)
    new_heads = []
    for _ in command_line.killed_after_each_call(*rollback):
        new_heads.append(_appended(world, old))
        command_line.verify()
        again = command_line(*rollback)
        assert again.code == 0, again.output
        (new,) = _appended(world, old)
        assert new.statement.files == old[0].statement.files
        _alias_and_tag_name(world, new)

        _take_back(world, old, new)
        world.client.set_model_version_tag(CANDIDATES, "1", LEDGER_VERSION_TAG, "1")
    assert len(_appended(world, old)) == 1
    assert command_line.verify() == []
    assert {len(appended) for appended in new_heads} == {0, 1}


def test_a_freeze_killed_after_any_remote_call_is_there_once_after_the_same_command(
    world: World, command_line: CommandLine
) -> None:
    old = [world.put_in_production()]
    freeze = ("freeze", "--reason", "change stop", *BY_ALICE)
    entries = []
    for _ in command_line.killed_after_each_call(*freeze):
        was_appended = bool(_appended(world, old))
        entries.append(was_appended)
        assert command_line.verify() == []
        again = command_line(*freeze)
        assert again.code == (3 if was_appended else 0), again.output
        assert ("error: the ledger is already frozen" in again.output) == was_appended
        (new,) = _appended(world, old)
        assert world.ledger.frozen
        assert world.ledger.head == old[0]
        world.client.delete_model_version(PRODUCTION, str(new.version))
    assert world.ledger.frozen
    assert set(entries) == {False, True}


def test_a_stage_killed_after_any_remote_call_is_finished_by_the_same_command(
    world: World, command_line: CommandLine
) -> None:
    for _ in range(2):
        world.register()
    candidates.stage(world.client, "1")
    in_staging = []
    for _ in command_line.killed_after_each_call("stage", "2"):
        staged = candidates.staged(world.client)
        assert staged
        in_staging.append(str(staged.version))
        again = command_line("stage", "2")
        assert again.code == 0, again.output
        staged = candidates.staged(world.client)
        assert staged
        assert str(staged.version) == "2"
        candidates.stage(world.client, "1")
    assert set(in_staging) == {"1", "2"}


@pytest.mark.parametrize(
    ("change", "after_the_change"),
    [
        (("add", "new.pub", "--first", "2"), (2, "is already trusted")),
        (("retire", "KEY"), (0, "may sign up to sequence 0")),
        (("revoke", "KEY", "--last", "0"), (0, "may sign up to sequence 0")),
    ],
)
def test_a_change_of_keys_killed_at_any_point_is_there_wholly_or_not_at_all(
    world: World,
    command_line: CommandLine,
    tmp_path: Path,
    change: tuple[str, ...],
    after_the_change: tuple[int, str],
) -> None:
    public = CryptoSigner.generate_ecdsa().public_key.keyval["public"]
    (tmp_path / "new.pub").write_text(public)
    names = {"new.pub": str(tmp_path / "new.pub"), "KEY": world.trust.keys[0].keyid}
    command = ("keys", *(names.get(word, word) for word in change))
    old, found = world.config.read_text(), list[bool]()
    for _ in command_line.killed_before_each_change(tmp_path, *command):
        changed = read_trust(world.config) != world.trust
        found.append(changed)
        if not changed:
            assert world.config.read_text() == old
        again = command_line(*command)
        code, message = after_the_change if changed else (0, "may sign")
        assert (again.code, message in again.output) == (code, True), again.output
        new = read_trust(world.config)
        assert new != world.trust
        world.config.write_text(old)
    assert read_trust(world.config) == new
    assert set(found) == {False, True}


def _appended(world: World, old: list[Link]) -> list[Link]:
    """What follows the old entries: nothing, or one entry and no other version."""
    ledger = world.ledger
    assert list(ledger.chain[: len(old)]) == old
    assert ledger.findings == ()
    appended = list(ledger.chain[len(old) :])
    assert len(appended) <= 1
    return appended


def _alias_and_tag_name(world: World, new: Link) -> None:
    """The head, the alias and the candidate's tag all name the new entry's version."""
    assert world.ledger.head == new
    version = str(new.version)
    aliases = world.client.get_registered_model(PRODUCTION).aliases
    assert {name: str(number) for name, number in aliases.items()} == {PRODUCTION_ALIAS: version}
    promoted = str(new.statement.entry.candidate.version)
    tags = world.client.get_model_version(CANDIDATES, promoted).tags
    assert tags[LEDGER_VERSION_TAG] == version


def _take_back(world: World, old: list[Link], new: Link) -> None:
    """Delete the new entry on the server, so that the next run starts from the same state."""
    if not old:
        world.client.delete_registered_model(PRODUCTION)
        return
    world.client.delete_model_version(PRODUCTION, str(new.version))
    before = str(old[-1].version)
    world.client.set_registered_model_alias(PRODUCTION, PRODUCTION_ALIAS, before)
