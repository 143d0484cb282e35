"""What a run says of itself on standard error."""

from __future__ import annotations

import pytest

from batch.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_it_shows_the_speed_of_this_run_and_the_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(1_000)
    progress.show(1_000, 100.0, is_new=False)
    clock[0] += 9
    progress.show(1_500, 150.0, is_new=True)
    clock[0] += 11
    progress.show(3_000, 300.0, is_new=True)
    progress.end()

    assert capsys.readouterr().err.splitlines() == [
        "  3,000 rows, 100 rows/s, 0:01:10 left",
        "  2,000 rows in 20.0 s, 100 rows/s; 1,000 were scored before",
    ]
