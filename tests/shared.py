"""Real data that lies beside a checkout on some machines; the project does not need it."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """The path of a shared data file, or a skip: this is data, not a program to be installed."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout; see the data section of the README")
    return path
