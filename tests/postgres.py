"""A real PostgreSQL server for tests, on loopback and in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.postgres import INSTALLATION, Postgres, postgres_programs, postgres_server
from tests.components import missing


def needs_postgresql() -> None:
    """Skip the test, or fail it under REQUIRE_COMPONENTS, where PostgreSQL is not installed."""
    if postgres_programs() is None:
        missing("PostgreSQL's server", INSTALLATION)


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach: pytest's own are for their owner only."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def postgresql(log: Path) -> Iterator[Postgres]:
    """PostgreSQL with an empty database, for a test that `needs_postgresql`."""
    needs_postgresql()
    with reachable_folder() as folder, postgres_server(folder / "postgresql", log) as postgres:
        yield postgres
