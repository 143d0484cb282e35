"""What a team's set-up needs on a machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.azure import INSTALLATION as AZURITE
from deploy.local.azure import PROGRAM, azurite_program
from deploy.local.postgres import INSTALLATION as POSTGRES
from deploy.local.postgres import postgres_programs
from tests.components import missing, program


@contextmanager
def team_folder() -> Iterator[Path]:
    """A folder for it, which PostgreSQL's user can reach: pytest's own are for their owner only.

    Skips the test, or fails it under REQUIRE_COMPONENTS, where a program is not installed.
    """
    if azurite_program() is None:
        missing(PROGRAM, AZURITE)
    if postgres_programs() is None:
        missing("PostgreSQL's server", POSTGRES)
    program("redis-server", "`apt-get install redis-server`")
    with tempfile.TemporaryDirectory(prefix="team-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
