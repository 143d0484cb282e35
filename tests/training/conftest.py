"""What the tests of training share: small data, and a ledger that lasts for a module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from registry.errors import NotFound
from registry.ledger.trust import create_ledger, open_signer
from registry.tracking.client import connect, server_errors
from registry.tracking.names import CANDIDATES, PRODUCTION
from tests.candidates import write_evaluation_rows
from tests.conftest import Server, World
from training.simulate import simulate


@pytest.fixture(scope="session")
def transactions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18,545 simulated transactions of sixty days, 177 of them frauds."""
    path = tmp_path_factory.mktemp("transactions") / "transactions.parquet"
    simulate(customers=150, terminals=300, days=60, seed=1).write_parquet(path)
    return path


def new_world(server: Server, folder: Path) -> World:
    config, key = folder / "ledger.yaml", folder / "signing-key.pem"
    trust = create_ledger(config, key)
    rows = write_evaluation_rows(folder / "rows.parquet")
    signer = open_signer(f"file2:{key}", trust)
    return World(server, connect(server.uri), trust, signer, config, key, rows)


@pytest.fixture(scope="module")
def lasting_world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """As the fixture `world`, for all tests of a module: training again and again costs time."""
    world = new_world(server, tmp_path_factory.mktemp("world"))
    yield world
    client = world.client
    for name in (CANDIDATES, PRODUCTION):
        with suppress(NotFound), server_errors("tidying up"):
            client.delete_registered_model(name)


@pytest.fixture
def own_ledger(lasting_world: World, tmp_path: Path) -> World:
    """An empty ledger beside the lasting one; candidates of the module's other tests stay."""
    return new_world(lasting_world.server, tmp_path)
