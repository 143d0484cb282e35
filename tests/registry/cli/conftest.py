"""Commands in the process of the tests, with a test's own ledger or with no settings at all."""

from __future__ import annotations

import pytest

from tests.registry.cli.commands import Commands
from tests.world import World


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    # `main` sets it; set here too, so that it is reset after the test.
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    return Commands(monkeypatch, capsys)


@pytest.fixture
def run_here(run: Commands, world: World, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands with the world's server, ledger and key in their environment."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    return run
