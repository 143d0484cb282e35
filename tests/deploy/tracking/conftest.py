"""The servers with basic auth, started once for all tests of the rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.tracking.team import Team, running_team


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    pytest.importorskip("flask_wtf", reason="MLflow's basic auth needs Flask-WTF")
    with running_team(tmp_path_factory.mktemp("team")) as running:
        yield running
