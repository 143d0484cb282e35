"""Fixtures of the training tests: a small data set, and a ledger shared by a module."""

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
    """Like the fixture `world`, but shared by all tests of a module, because training is slow."""
    with lasting(new_world(server, tmp_path_factory.mktemp("world"))) as world:
        yield world


@pytest.fixture
def own_ledger(lasting_world: World, tmp_path: Path) -> World:
    """An empty ledger on the same server; the candidates of the module's other tests remain."""
    return new_world(lasting_world.server, tmp_path)
