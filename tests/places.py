"""The repository, and real data that some machines have beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY.parent / "shared" / "data"
"""Optional: a test whose data is missing is skipped."""


def shared_data(name: str) -> Path:
    """The path of a shared data file; skips the test where there is none."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout; see the data section of the README")
    return path
