"""Where the repository is, and real data that lies beside it on some machines."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY.parent / "shared" / "data"
"""The project does not need it: a test whose data is missing is skipped."""


def shared_data(name: str) -> Path:
    """The path of a shared data file, or a skip: this is data, not a program to be installed."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout; see the data section of the README")
    return path
