"""A command killed at any point leaves the old head or the new one, and can be repeated."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.ledger.chain import Link
from registry.tracking import candidates
from registry.tracking.names import CANDIDATES, LEDGER_VERSION_TAG, PRODUCTION, PRODUCTION_ALIAS
from tests.registry.forked import Ended, registry
from tests.world import World

BY_ALICE = ("--approver", "github:alice")


class CommandLine:
    """`python -m registry` on one test's ledger, each time in a process of its own."""

    def __init__(self, world: World, log: Path) -> None:
        self._world, self._log = world, log

    def __call__(self, *arguments: str, killed_after: int = 0) -> Ended:
        return registry(
            *arguments,
            environment=self._world.environment,
            log=self._log,
            killed_after=killed_after,
        )

    def killed_after_each_call(self, *arguments: str) -> Iterator[None]:
        """Run the command again and again, killed after one more remote call each time.

        Yields after each run, and returns once the command ends before it would be killed.
        """
        for call in itertools.count(1):
            ended = self(*arguments, killed_after=call)
            if ended.code != -signal.SIGKILL:
                assert ended.code == 0, ended.output
                return
            yield

    def verify(self) -> list[str]:
        """Verify the ledger; return the stale aliases and tags."""
        ended = self("verify", "--json")
        assert ended.code == 0, ended.output
        stale: list[str] = json.loads(ended.output)["stale"]
        return stale


@pytest.fixture
def command_line(world: World, tmp_path: Path) -> CommandLine:
    return CommandLine(world, tmp_path / "command.log")


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
