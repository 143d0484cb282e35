"""A team's set-up, started once, and a ledger on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.local.processes import free_port
from deploy.local.team import ADMIN, Team, team
from tests.team import team_folder
from tests.world import Server, World, new_world


@pytest.fixture(scope="session")
def started() -> Iterator[Team]:
    with team_folder() as folder, team(folder, free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def team_world(started: Team, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A ledger on the set-up, the same for all tests: they add to it."""
    server = Server(started.tracking_uri, started.folder)
    return new_world(server, tmp_path_factory.mktemp("team-world"))


@pytest.fixture
def as_admin(started: Team, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """This process signs in as the administrator, who may do what all roles may do."""
    environment = started.environment(ADMIN)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment
