"""`python -m registry` in forked processes, undisturbed or killed at some point."""

from __future__ import annotations

import itertools
import json
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.registry.forked import Ended, registry
from tests.registry.kills import kill_before_change, signal_after_responses
from tests.world import World


class CommandLine:
    """`python -m registry` on one test's ledger, each time in a process of its own."""

    def __init__(self, world: World, log: Path) -> None:
        self._world, self._log = world, log

    def __call__(
        self,
        *arguments: str,
        prepare: Callable[[], None] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Ended:
        """Run a command; `environment` are variables that differ from those of the ledger."""
        variables = {**self._world.environment, **(environment or {})}
        return registry(*arguments, environment=variables, log=self._log, prepare=prepare)

    def killed_after_each_call(self, *arguments: str) -> Iterator[None]:
        """Run the command again and again, killed after one more remote call each time.

        Yields after each run, and returns once the command ends before it would be killed.
        """
        for call in itertools.count(1):
            ended = self(*arguments, prepare=partial(signal_after_responses, call))
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

    def killed_before_each_change(self, folder: Path, *arguments: str) -> Iterator[None]:
        """The same, killed before it changes something below `folder` once more each time."""
        for change in itertools.count(1):
            ended = self(*arguments, prepare=partial(kill_before_change, folder, change))
            if ended.code != -signal.SIGKILL:
                assert ended.code == 0, ended.output
                return
            yield
