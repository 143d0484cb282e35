"""A real Azurite for tests, behind Azure's host names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.azure import INSTALLATION, PROGRAM, LocalAzure, azurite_program, local_azure
from deploy.local.entra import VALID_SECONDS
from tests.components import missing


@contextmanager
def azurite(
    folder: Path, *containers: str, token_seconds: int = VALID_SECONDS
) -> Iterator[LocalAzure]:
    """`local_azure`; skips the test, or fails it under REQUIRE_COMPONENTS, without the program."""
    if azurite_program() is None:
        missing(PROGRAM, INSTALLATION)
    with local_azure(folder, containers, token_seconds=token_seconds) as azure:
        yield azure
