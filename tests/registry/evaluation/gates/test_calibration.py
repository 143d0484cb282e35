"""Calibration: ten bins of equally many rows, by hand."""

from __future__ import annotations

from math import nextafter

import pytest

from registry.evaluation.gates.calibration import Calibration, CalibrationMeasured
from tests.registry.trials import rows_of, scored, small_trial


@pytest.mark.parametrize(
    ("labels", "scores", "error"),
    [
        # Ten bins of one row: nine off by 0.1, one by 0.5.
        ([0] * 9 + [1], [0.1 + index * 1e-6 for index in range(9)] + [0.5], 0.14),
        # Ten bins of two rows: five without fraud at 0.2, five of frauds at 0.3.
        ([0, 1] * 10, [0.2, 0.3] * 10, 0.45),
        # The same, all at the share of fraud: no bin is off.
        ([0, 1] * 10, [0.5] * 20, 0.0),
        ([0, 1], [0.0, 1.0], 0.0),
        ([0, 1], [1.0, 0.0], 1.0),
    ],
)
def test_the_error_is_the_mean_over_the_bins(
    labels: list[int], scores: list[float], error: float
) -> None:
    found = Calibration(max_error=0.02).measure(small_trial(rows_of(labels), scored(scores)))
    assert found.candidate == pytest.approx(error, abs=1e-5)


@pytest.mark.parametrize("labels", [[0] * 18 + [1] * 2, [1] * 2 + [0] * 18, [0, 1, *[0] * 17, 1]])
def test_rows_of_one_score_are_one_group_in_whichever_order_they_stand(labels: list[int]) -> None:
    trial = small_trial(rows_of(labels), scored([0.1] * 20))
    assert Calibration(max_error=0.02).measure(trial).candidate == pytest.approx(0, abs=1e-7)


def test_it_passes_at_its_bound_and_fails_just_above() -> None:
    gate = Calibration(max_error=0.02)
    (at,) = gate.verdicts(CalibrationMeasured(candidate=0.02))
    (above,) = gate.verdicts(CalibrationMeasured(candidate=nextafter(0.02, 1)))
    assert (at.measured, at.bound) == (0.02, 0.02)
    assert at.passed
    assert not above.passed
