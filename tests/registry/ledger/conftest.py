"""A folder of files, as small as can be."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """MLmodel holds `abc`, data/weights nothing."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_bytes(b"abc")
    (tmp_path / "model" / "data").mkdir()
    (tmp_path / "model" / "data" / "weights").write_bytes(b"")
    return tmp_path / "model"
