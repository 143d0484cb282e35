"""What a team's set-up needs on a machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.azurite import needs_azurite
from tests.postgres import needs_postgresql, reachable_folder
from tests.redis_servers import needs_redis


@contextmanager
def team_folder() -> Iterator[Path]:
    """A folder for it. Skips the test, or fails it under REQUIRE_COMPONENTS, without a program."""
    needs_azurite()
    needs_postgresql()
    needs_redis()
    with reachable_folder() as folder:
        yield folder
