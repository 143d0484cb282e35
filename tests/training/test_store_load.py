"""Which rows cannot be loaded; test_store_cli sees what is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.stores import history
from tests.training.test_store_cli import features


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,2026-01-02,c,t,3,0", "'2' of 2026-01-02 00:00:00: this transaction id was recorded"),
        ("4,2026-01-03,c,t,1e9,0", "'4' of 2026-01-03 00:00:00: the amounts of this entity add up"),
        ("5,2099-01-01,c,t,1,0", "'5' of 2099-01-01 00:00:00 is ahead of the clock by more than"),
    ],
)
def test_a_row_that_cannot_be_loaded_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    row: str,
    reason: str,
) -> None:
    monkeypatch.setattr(history, "MAX_TOTAL_UNITS", 10**12)
    store, path = f"memory:{tmp_path / 'store'}", tmp_path / "data.csv"
    first = "transaction_id,time,customer_id,terminal_id,amount,fraud\n1,2026-01-01,c,t,1,0\n"
    path.write_text(first + "2,2026-01-02,c,t,2,0\n")
    assert features(monkeypatch, "load", store, "--data", path) == 0
    path.write_text(f"{first}{row}\n")
    capsys.readouterr()

    assert features(monkeypatch, "load", store, "--data", path) == 2
    [line] = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error")]
    assert f"error: transaction {reason}" in line
