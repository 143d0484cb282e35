"""The benchmark of the bootstrap, on few rows."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.registry import COSTS, main, naive, simulated


def test_it_prints_times_and_standard_errors_of_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(count=4000, resamples=200, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    patterns = [
        r"4,000 transactions, 2 models, median of 1 interleaved rounds",
        r"  a resample, sorted once and reweighted: +\d+\.\d ms",
        r"  a resample, drawn and measured anew: +\d+\.\d ms",
        r"  ratio: \d+; 200 naive resamples: \d+ s",
        r"  200 resamples, whole call: \d+\.\d s",
        r"  standard errors of the differences, ours and of 100 naive resamples:",
        r"   \[[\d. e+-]+\]",
        r"   \[[\d. e+-]+\]",
    ]
    assert len(lines) == len(patterns)
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), line
    ours, theirs = (np.fromstring(line.strip(" []"), sep=" ") for line in lines[-2:])
    assert ours.shape == theirs.shape == (5,)
    assert ours[:2] == pytest.approx(theirs[:2], rel=0.4)


def test_the_simulated_rows_have_30_days_and_1_fraud_in_200() -> None:
    rows, scores = simulated(100_000)
    assert set(rows.days) == set(range(30))
    assert rows.labels.mean() == pytest.approx(1 / 200, abs=0.001)
    assert [len(score) for score in scores] == [100_000, 100_000]


def test_the_naive_method_measures_each_model_on_each_resample() -> None:
    rows, scores = simulated(4000)
    assert naive(rows, scores, 3).shape == (3, 2, 5)
    assert COSTS.budget_per_day == 100
