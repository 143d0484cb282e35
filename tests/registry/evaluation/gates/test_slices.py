"""Slices: which are looked at, where they end, and the correction for their number."""

from __future__ import annotations

from math import nextafter

import numpy as np
import pytest

from registry.evaluation.gates.slices import SliceMeasured, Slices, SlicesMeasured
from tests.registry.trials import (
    AMOUNTS,
    CANDIDATE,
    DAYS,
    LABELS,
    PRODUCTION,
    rows_of,
    scored,
    small_trial,
)

ROWS = rows_of(LABELS, days=DAYS, amounts=AMOUNTS)
FALL = 1 - (1 / 2 + 2 / 3) / 2
"""On the first day: both frauds on top, against ranks 2 and 3."""


def one(name: str, difference: float, standard_error: float = 0.0) -> SliceMeasured:
    return SliceMeasured(
        name=name,
        transactions=100,
        frauds=20,
        difference=difference,
        standard_error=standard_error,
    )


def measured(*slices: SliceMeasured, too_small: int = 0) -> SlicesMeasured:
    return SlicesMeasured(slices=slices, too_small=too_small)


def test_only_slices_with_enough_frauds_and_a_genuine_row_are_measured() -> None:
    gate = Slices(margin=0.1, min_frauds=2, resamples=100)
    found = gate.measure(small_trial(ROWS, scored(PRODUCTION), scored(CANDIDATE)))
    assert [part.name for part in found.slices] == ["day 1970-01-01"]
    # One fraud on the other day and one among the lower amounts; of the higher all are.
    assert found.too_small == 3
    (day,) = found.slices
    assert (day.transactions, day.frauds) == (4, 2)
    assert day.difference == pytest.approx(-FALL)
    assert 0.1 < day.standard_error < 0.4


def test_the_frauds_of_one_customer_are_too_few_to_judge_a_slice_by() -> None:
    rows = rows_of(LABELS, days=DAYS, amounts=AMOUNTS, clusters=np.array([3] * 4 + [5] * 4))
    trial = small_trial(rows, scored(PRODUCTION), scored(CANDIDATE))
    found = Slices(margin=0.1, min_frauds=2, resamples=100).measure(trial)
    assert found.slices == ()


@pytest.mark.parametrize(
    ("difference", "passed"), [(-0.1, True), (nextafter(-0.1, -1), False), (0.2, True)]
)
def test_a_slice_may_end_at_minus_the_margin_and_not_below(difference: float, passed: bool) -> None:
    (verdict,) = Slices(margin=0.1).verdicts(measured(one("day 1", difference)))
    assert (verdict.measured, verdict.bound, verdict.passed) == (difference, -0.1, passed)


@pytest.mark.parametrize(
    ("count", "quantile"), [(1, 1.644854), (2, 1.959964), (10, 2.575829), (50, 3.090232)]
)
def test_the_end_moves_out_with_the_number_of_slices(count: int, quantile: float) -> None:
    ends = Slices(margin=0.1).upper_ends(measured(*[one("a", -0.2, 0.01)] * count))
    assert ends == pytest.approx([-0.2 + 0.01 * quantile] * count, abs=1e-7)


def test_the_verdict_names_what_fell_and_measures_the_lowest_end() -> None:
    found = measured(one("b", -0.3), one("a", -0.5), one("c", 0.1), too_small=4)
    (verdict,) = Slices(margin=0.1, min_frauds=20).verdicts(found)
    assert verdict.measured == -0.5
    assert verdict.note == "3 slices, 4 with fewer than 20 frauds; significant falls: a, b"


def test_the_verdict_names_the_lowest_where_none_fell() -> None:
    (verdict,) = Slices(margin=0.1).verdicts(measured(one("b", -0.05), one("a", 0.5)))
    assert verdict.passed
    assert verdict.note == "2 slices, 0 with fewer than 20 frauds; lowest upper end: b"


def test_a_fall_is_not_hidden_by_a_slice_of_the_same_name() -> None:
    (verdict,) = Slices(margin=0.1).verdicts(measured(one("a", -0.5), one("a", 0.5)))
    assert not verdict.passed
    assert verdict.measured == -0.5


def test_where_all_slices_are_too_small_the_verdict_says_so() -> None:
    (verdict,) = Slices(margin=0.1).verdicts(measured(too_small=3))
    assert verdict.passed
    assert verdict.note == "0 slices, 3 with fewer than 20 frauds"


def test_without_production_no_slice_is_measured() -> None:
    assert Slices(margin=0.1).measure(small_trial(ROWS, scored(CANDIDATE))) == measured()
