"""Storage tests: no identity of this machine, and no waiting between retries."""

from __future__ import annotations

import pytest

from registry.storage import client
from tests.azurite import log_out


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    log_out(monkeypatch)
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0)
    monkeypatch.setattr(client, "BACKOFF_BASE", 0)
