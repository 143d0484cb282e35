"""Fixtures for the tests of the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.command_line import CommandLine
from tests.world import World


@pytest.fixture
def command_line(world: World, tmp_path: Path) -> CommandLine:
    return CommandLine(world, tmp_path / "command.log")
