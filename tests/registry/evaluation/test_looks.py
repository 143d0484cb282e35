"""The correction of an interval for the number of looks at the same rows."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from registry.evaluation.looks import alpha_of_look, interval_ends


def test_the_first_looks_get_most_of_the_error_rate() -> None:
    looks = [alpha_of_look(0.05, earlier) for earlier in (0, 1, 2, 49)]
    assert looks == pytest.approx([0.030396, 0.007599, 0.0033774, 0.0000121585], rel=1e-4)


def test_all_looks_together_get_the_error_rate_and_no_more() -> None:
    spent = sum(alpha_of_look(0.05, earlier) for earlier in range(100_000))
    assert 0.04999 < spent < 0.05


def test_the_ends_are_quantiles_where_twenty_resamples_lie_beyond_them() -> None:
    resampled = np.arange(401.0)[:, None] ** 2
    lower, upper = interval_ends(np.array([7.0]), resampled, alpha=0.05)
    assert (lower[0], upper[0]) == (20.0**2, 380.0**2)


def test_with_fewer_beyond_the_ends_are_normal_quantiles_around_the_difference() -> None:
    resampled = np.array([-1.0, 1.0] * 199)[:, None]
    lower, upper = interval_ends(np.array([7.0]), resampled, alpha=0.05)
    half = NormalDist().inv_cdf(0.95)
    assert (lower[0], upper[0]) == pytest.approx((7 - half, 7 + half))


@pytest.mark.parametrize("alpha", [0.25, 0.01])
def test_resamples_that_do_not_determine_a_difference_are_left_out(alpha: float) -> None:
    values = np.random.default_rng(0).normal(size=(200, 2))
    with_gaps = np.insert(values, 0, np.nan, axis=0)
    measured = values.mean(axis=0)
    np.testing.assert_array_equal(
        interval_ends(measured, with_gaps, alpha), interval_ends(measured, values, alpha)
    )
