"""A team's set-up, started once, and a ledger on it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.azure import INSTALLATION as AZURITE
from deploy.local.azure import PROGRAM, azurite_program
from deploy.local.postgres import INSTALLATION as POSTGRES
from deploy.local.postgres import postgres_programs
from deploy.local.processes import free_port
from deploy.local.team import ADMIN, Team, team
from tests.components import missing, program
from tests.world import Server, World, new_world


@pytest.fixture(scope="session")
def started() -> Iterator[Team]:
    """In a folder that PostgreSQL's user can reach: pytest's own are for their owner only."""
    if azurite_program() is None:
        missing(PROGRAM, AZURITE)
    if postgres_programs() is None:
        missing("PostgreSQL's server", POSTGRES)
    program("redis-server", "`apt-get install redis-server`")
    with tempfile.TemporaryDirectory(prefix="team-") as folder:
        Path(folder).chmod(0o755)
        with team(Path(folder), free_port()) as running:
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
