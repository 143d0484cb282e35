"""Fixtures for the tests of provenance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.provenance.origins import Origin, new_origin


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return new_origin(tmp_path)
