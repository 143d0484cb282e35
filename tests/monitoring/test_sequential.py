from __future__ import annotations

import itertools

import numpy as np
import pytest

from monitoring.sequential import (
    STAKES,
    AlertDay,
    capital,
    compare_precision,
    design_effect,
    lower_end,
)


def days(*frauds: int, alerts: int = 100) -> list[AlertDay]:
    return [AlertDay(day, alerts, count) for day, count in enumerate(frauds)]


def test_the_expected_capital_of_any_number_of_days_is_one_where_the_promise_holds() -> None:
    promised, alerts = 0.3, 2
    chance = [(1 - promised) ** 2, 2 * promised * (1 - promised), promised**2]

    expected = sum(
        np.prod([chance[count] for count in counts])
        * capital(days(*counts, alerts=alerts), promised, [1.0] * 4)[-1]
        for counts in itertools.product(range(3), repeat=4)
    )

    assert expected == pytest.approx(1, abs=1e-12)


def test_the_expected_capital_is_below_one_where_alerts_are_frauds_more_often() -> None:
    expected = 0.5 * capital(days(0, alerts=1), 0.3, [1.0])[0]
    expected += 0.5 * capital(days(1, alerts=1), 0.3, [1.0])[0]

    assert expected == pytest.approx(1 - 0.2 * float(STAKES.mean()) / 0.7 / 2)


def test_alerts_that_are_all_alike_count_as_one() -> None:
    alone = capital(days(0, 1, 0, alerts=1), 0.3, [1.0] * 3)

    assert capital(days(0, 100, 0), 0.3, [100.0] * 3) == pytest.approx(alone)


def test_a_loss_of_half_alarms_within_days_also_after_months_of_keeping_the_promise() -> None:
    evidence = days(*[29, 31, 30, 28, 32, 30, 30])

    late = compare_precision(evidence, days(*[31, 29] * 60, *[14, 16] * 5), 0.05)

    assert late.alarm_day == 123
    assert late.p_value < 0.025


def test_a_kept_promise_does_not_alarm() -> None:
    kept = compare_precision(days(*[29, 31] * 4), days(*[31, 29] * 60), 0.05)

    assert (kept.alarm_day, kept.promised, kept.bound) == (None, 0.3, 40)
    assert kept.capital == 1
    assert kept.p_value == 1


def test_a_day_decides_nothing_before_it_has_alerts() -> None:
    assert compare_precision(days(30, 30), [], 0.05).alarm_day is None
    quiet = [AlertDay(0, 0, 0)] * 3
    assert compare_precision(days(30, 30), quiet, 0.05).alarm_day is None


def test_the_capital_of_a_model_that_fails_for_years_stays_a_number() -> None:
    path = capital(days(*[0] * 200, alerts=10_000), 0.9, [1.0] * 200)

    assert np.isfinite(path).all()
    assert path[-1] > 1e149


@pytest.mark.parametrize(
    ("frauds", "expected"),
    [
        ((30, 30, 30), 1.0),
        ((20, 40), 9.523809523809524),
        ((0, 0, 0), 1.0),
        ((50,), 1.0),
        ((), 1.0),
    ],
)
def test_the_design_effect_compares_days_with_independent_alerts(
    frauds: tuple[int, ...], expected: float
) -> None:
    assert design_effect(days(*frauds)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("share", "count", "expected"),
    [(0.3, 700, 0.2672), (0.0, 100, 0.0), (1.0, 100, 0.963), (0.3, 10, 0.1078)],
)
def test_the_lower_end_is_wilsons(share: float, count: float, expected: float) -> None:
    assert lower_end(share, count, 0.025) == pytest.approx(expected, abs=5e-5)
