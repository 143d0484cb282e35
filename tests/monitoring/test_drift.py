from __future__ import annotations

import math

import numpy as np
import pytest

from monitoring.drift import chi_squared_tail, drifts, holm, two_samples
from registry.model.bins import Bins
from registry.model.contract import Histogram
from tests.contracts import category, contract_of, number

BINS = Bins(
    contract_of(
        number("amount", histogram=Histogram(edges=(1, 2, 3), counts=(2500, 2500, 2500, 2500))),
        category("country", "DE", "FR").model_copy(
            update={"histogram": Histogram(counts=(9000, 1000))}
        ),
    )
)
SAME = np.array([250, 250, 250, 250, 0, 900, 100, 0])
"""By bin: four ranges and missing; two countries and unknown."""
MOVED = np.array([100, 200, 300, 400, 0, 900, 100, 0])


@pytest.mark.parametrize(
    ("statistic", "degrees", "expected"),
    [
        (3.841458820694124, 1, 0.05),
        (5.991464547107979, 2, 0.05),
        (7.814727903251179, 3, 0.05),
        (18.307038053275146, 10, 0.05),
        (40.0, 9, 7.5985e-06),
        (0.0, 4, 1.0),
        (1e6, 9, 0.0),
    ],
)
def test_the_tail_of_chi_squared(statistic: float, degrees: int, expected: float) -> None:
    assert chi_squared_tail(statistic, degrees) == pytest.approx(expected, rel=1e-3)


def test_two_samples_are_compared_by_chi_squared() -> None:
    # Of the table (30, 70), (45, 55), without correction for continuity: 4.8.
    assert two_samples(np.array([30, 70]), np.array([45, 55])) == pytest.approx(
        chi_squared_tail(4.8, 1)
    )


def test_bins_of_few_rows_are_merged() -> None:
    one, other = np.array([1, 2, 500, 497]), np.array([0, 1, 500, 499])

    assert two_samples(one, other) == two_samples(np.array([500, 500]), np.array([500, 500])) == 1
    assert two_samples(np.array([0, 0]), np.array([5, 5])) == 1


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([0.011, 0.02, 0.04], [0, 1, 2]),
        ([0.04, 0.02, 0.03], []),
        ([0.9, 0.001, 0.04], [1]),
        ([], []),
    ],
)
def test_holms_method(p_values: list[float], expected: list[int]) -> None:
    assert holm(p_values, 0.05) == expected


def test_an_input_that_moves_has_drifted_from_that_window_on() -> None:
    days = dict.fromkeys(range(10), SAME * 2) | dict.fromkeys(range(10, 17), MOVED * 2)

    amount, country = drifts(BINS, [10_000, 10_000], days, 0.05)

    assert (amount.name, amount.rows, amount.alarm_day) == ("amount", 14_000, 14)
    assert amount.index == pytest.approx(0.2282, abs=1e-4)
    assert amount.p_value < 1e-200
    assert (country.name, country.index, country.alarm_day) == ("country", 0, None)
    assert country.p_value == pytest.approx(1)


def test_a_drift_that_matters_to_nobody_does_not_alarm_however_certain() -> None:
    slight = np.array([2400, 2500, 2500, 2600, 0, 9000, 1000, 0]) * 100

    amount, _ = drifts(BINS, [1_000_000, 1_000_000], {0: slight}, 0.05)

    assert (amount.alarm_day, amount.p_value < 1e-80) == (None, True)


def test_days_with_few_rows_decide_nothing() -> None:
    amount, _ = drifts(BINS, [10_000, 10_000], {0: MOVED // 2, 10: MOVED // 2}, 0.05)

    assert (amount.rows, amount.alarm_day) == (0, None)
    assert math.isnan(amount.index)


def test_no_days_decide_nothing() -> None:
    assert [each.alarm_day for each in drifts(BINS, [10_000, 10_000], {}, 0.05)] == [None, None]
