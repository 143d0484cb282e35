"""The data that the tests of the demo's traffic share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.local import held_out as data


@pytest.fixture(scope="session")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data.write(tmp_path_factory.mktemp("held out") / "transactions.parquet")
