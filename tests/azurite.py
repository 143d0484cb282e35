"""A real Azurite for tests, behind Azure's host names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.azure import INSTALLATION, PROGRAM, LocalAzure, azurite_program, local_azure
from deploy.local.entra import VALID_SECONDS
from tests.components import missing


def needs_azurite() -> None:
    """Skip the test, or fail it under REQUIRE_COMPONENTS, where Azurite is not installed."""
    if azurite_program() is None:
        missing(PROGRAM, INSTALLATION)


@contextmanager
def azurite(
    folder: Path, *containers: str, token_seconds: int = VALID_SECONDS
) -> Iterator[LocalAzure]:
    """`local_azure`, for a test that `needs_azurite`."""
    needs_azurite()
    with local_azure(folder, containers, token_seconds=token_seconds) as azure:
        yield azure


def log_in(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the identity that may use `azure`, and no other."""
    log_out(monkeypatch)
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)


def log_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the identity and the proxy of this machine."""
    for name in list(os.environ):
        if name.startswith("AZURE_") or name.lower() in ("https_proxy", "http_proxy", "no_proxy"):
            monkeypatch.delenv(name)
