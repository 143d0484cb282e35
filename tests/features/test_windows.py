"""The arithmetic on arrays: edges of windows, and what is in them."""

from __future__ import annotations

import numpy as np
import pytest

from features import windows
from features.amounts import Ints

TIMES = np.array([0, 5, 5, 9, 0, 1])
LENGTHS = np.array([4, 2])
START, END = np.array([0, 0, 1, 3, 4, 4]), np.array([0, 1, 3, 4, 4, 6])


def test_an_edge_is_the_entitys_first_row_later_than_the_span_before() -> None:
    positions = windows.edges(TIMES, LENGTHS, [1, 4, 5])

    assert positions[1].tolist() == [0, 1, 1, 3, 4, 5]
    assert positions[4].tolist() == [0, 1, 1, 3, 4, 4]
    assert positions[5].tolist() == [0, 1, 1, 1, 4, 4]


@pytest.mark.parametrize("span", [10, 2**62, 2**80])
def test_a_span_however_long_stays_within_the_entity(span: int) -> None:
    assert windows.edges(TIMES, LENGTHS, [span])[span].tolist() == [0, 0, 0, 0, 4, 4]


@pytest.mark.parametrize("scale", [1, 2**40, 2**55, 2**57, 2**58])
@pytest.mark.parametrize("shift", [0, -(2**62), 2**61])
def test_times_too_far_apart_for_all_entities_in_one_batch_make_no_difference(
    scale: int, shift: int
) -> None:
    times, lengths = np.tile(TIMES, 10) * scale + shift, np.tile(LENGTHS, 10)

    positions = windows.edges(times, lengths, [5 * scale])[5 * scale]

    expected = [6 * copy + position for copy in range(10) for position in (0, 1, 1, 1, 4, 4)]
    assert positions.tolist() == expected


def test_no_rows_and_no_spans_are_fine() -> None:
    none: Ints = np.array([], dtype=np.int64)

    assert windows.edges(none, none, [1])[1].tolist() == []
    assert windows.edges(TIMES, LENGTHS, []) == {}


def test_counts_and_means_are_of_the_window_and_0_where_it_is_empty() -> None:
    totals = windows.running(np.array([1, 2, 4, 8, 100, 10]))

    assert totals.tolist() == [0, 1, 3, 7, 15, 115, 125]
    assert windows.counts(START, END).tolist() == [0, 1, 2, 1, 0, 2]
    assert windows.means(totals, START, END).tolist() == [0, 1, 3, 8, 0, 55]
    assert windows.means(totals, START, END, scale=10).tolist() == [0, 0.1, 0.3, 0.8, 0, 5.5]


def test_a_total_that_wraps_around_leaves_the_window_right() -> None:
    totals = windows.running(np.array([2**62, 2**62, 3, 5]))

    assert windows.means(totals, np.array([2]), np.array([4])).tolist() == [4]


def test_a_ratio_is_1_to_what_is_not_above_0_and_has_a_limit() -> None:
    amounts, others = np.array([3.0, 3.0, 3.0, 3.0, -3.0]), np.array([2.0, 0.0, -1.0, 0.1, 0.1])

    assert windows.ratios(amounts, others, 5.0).tolist() == [1.5, 1, 1, 5, -5]


def test_the_last_match_is_looked_for_in_the_window_only() -> None:
    matches = np.array([True, False, False, True, False, True])

    elapsed = windows.since_last(TIMES, matches, START, END, 99.0)

    assert elapsed.tolist() == [99, 5, 99, 0, 99, 0]
