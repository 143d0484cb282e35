"""Exponents and durations."""

from __future__ import annotations

import math

import pytest

from benchmarks.growth.row import best_seconds, exponent


@pytest.mark.parametrize(
    ("costs", "expected"), [((3.0, 30.0), 1), ((3.0, 300.0), 2), ((3.0, 3.0), 0), ((30.0, 3.0), -1)]
)
def test_the_exponent_is_the_power_of_the_size(costs: tuple[float, float], expected: float) -> None:
    assert exponent((15, 150), costs) == pytest.approx(expected)


def test_a_cost_of_zero_has_no_exponent() -> None:
    assert math.isnan(exponent((1, 10), (0.0, 5.0)))


def test_an_action_runs_as_often_as_its_rounds_and_times_say() -> None:
    calls: list[int] = []
    assert best_seconds(lambda: calls.append(1), rounds=3, times=4) > 0
    assert len(calls) == 12
