from __future__ import annotations

import pytest

from benchmarks.monitoring import volume
from benchmarks.monitoring.__main__ import main, most_by_chance


def test_it_prints_false_alarms_delays_and_the_cost_of_a_join(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "HOURS", 4)

    main(["--quarters", "2", "--days", "40", "--runs", "1", "--records", "7200", "--peers", "0"])

    printed = capsys.readouterr().out
    assert "| drift, 15 inputs | 0 | 2 | 0 |" in printed
    assert "| 50% less precision | " in printed
    assert "## 7,200 records joined with their labels" in printed
    assert "7,200 rows kept" in printed


def test_by_chance_fifteen_of_two_hundred_alarm_at_most() -> None:
    assert most_by_chance(200, 0.05) == 15
