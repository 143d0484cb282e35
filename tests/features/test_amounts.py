"""Amounts as whole numbers of 1/10,000."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.amounts import units_of, units_of_all


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (0.0, 0),
        (-0.0, 0),
        (12.34, 123_400),
        (-0.0001, -1),
        (0.00005, 0),
        (0.00025, 2),
        (0.00035, 4),
        (1e11, 10**15),
        (99_999_999_999.99, 999_999_999_999_900),
    ],
)
def test_an_amount_counts_as_its_nearest_ten_thousandth_and_ties_are_even(
    amount: float, units: int
) -> None:
    assert units_of(amount) == units
    assert units_of_all(np.array([amount])).tolist() == [units]


@given(st.lists(st.floats(-1e11, 1e11), max_size=20))
def test_one_and_all_round_alike(amounts: list[float]) -> None:
    assert units_of_all(np.array(amounts, dtype=np.float64)).tolist() == [
        units_of(amount) for amount in amounts
    ]


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -float("inf"), 1.1e11, -1.1e11])
def test_what_cannot_be_counted_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match=r"between -1e\+11 and 1e\+11"):
        units_of(amount)
    with pytest.raises(ValueError, match=r"between -1e\+11 and 1e\+11"):
        units_of_all(np.array([1.0, amount]))
