"""Where the repository is, and real data sets, which only some machines have."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.paths import DATA

REPOSITORY = Path(__file__).resolve().parents[1]


def shared_data(name: str) -> Path:
    """The path of a data set; skips the test without it, since it cannot simply be installed."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not in {DATA.parent.name}/{DATA.name}/ beside this checkout")
    return path


def shared_tool(name: str) -> Path:
    """The path of a tool beside this checkout, which the project must not need: skips without."""
    path = DATA.parent / "tools" / name
    if not path.exists():
        pytest.skip(f"{name} is not in {DATA.parent.name}/tools/ beside this checkout")
    return path
