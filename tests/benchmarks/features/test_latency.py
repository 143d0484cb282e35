"""How a round is shown."""

from __future__ import annotations

from benchmarks.features.latency import line
from benchmarks.features.open_loop import Percentiles


def test_a_round_is_one_line() -> None:
    shown = line(2, "Redis", Percentiles(0.824, 1.37, 3.678))
    assert shown == "  round 2, Redis: p50 0.82 ms, p99 1.37 ms, p99.9 3.68 ms"
