"""The servers with basic auth, started once for all tests of the rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.tracking.actor import password
from tests.deploy.tracking.command import Command
from tests.deploy.tracking.team import USERS, Team, running_team


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("team")) as running:
        yield running


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    folder = tmp_path / "passwords"
    folder.mkdir()
    for name in USERS:
        (folder / name).write_text(password(name) + "\n")
    return folder


@pytest.fixture
def command(team: Team, passwords: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(team, passwords, capsys)
