"""A real PostgreSQL server for tests, on loopback and in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.postgres import INSTALLATION, Postgres, postgres_programs, postgres_server
from tests.components import missing


@contextmanager
def postgresql(log: Path) -> Iterator[Postgres]:
    """PostgreSQL with an empty database.

    Skips the test, or fails it under REQUIRE_COMPONENTS, where it is not installed. Its data are in
    a folder that its user can reach: pytest's own are for their owner only.
    """
    if postgres_programs() is None:
        missing("PostgreSQL's server", INSTALLATION)
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as folder,
        postgres_server(Path(folder), log) as postgres,
    ):
        yield postgres
