"""What the tests of training share: small data, and a ledger that lasts for a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import Server, World, lasting, new_world
from training.simulate import simulate


@pytest.fixture(scope="session")
def transactions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18,545 simulated transactions of sixty days, 177 of them frauds."""
    path = tmp_path_factory.mktemp("transactions") / "transactions.parquet"
    simulate(customers=150, terminals=300, days=60, seed=1).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def lasting_world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """As the fixture `world`, for all tests of a module: training again and again costs time."""
    with lasting(new_world(server, tmp_path_factory.mktemp("world"))) as world:
        yield world


@pytest.fixture
def own_ledger(lasting_world: World, tmp_path: Path) -> World:
    """An empty ledger beside the lasting one; candidates of the module's other tests stay."""
    return new_world(lasting_world.server, tmp_path)
