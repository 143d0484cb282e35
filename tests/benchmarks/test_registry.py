"""The benchmark of the bootstrap runs, small, and prints what it found."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.registry import COSTS, made, main, naive


def test_it_prints_both_ways_and_their_standard_errors(capsys: pytest.CaptureFixture[str]) -> None:
    main(count=4000, resamples=200, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    patterns = [
        r"4,000 transactions, 2 models, median of 1 interleaved rounds",
        r"  a resample, sorted once and reweighted: +\d+\.\d ms",
        r"  a resample, drawn and measured anew: +\d+\.\d ms",
        r"  ratio: \d+; 200 of the naive: \d+ s",
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


def test_its_data_is_as_it_says() -> None:
    rows, scores = made(100_000)
    assert set(rows.days) == set(range(30))
    assert rows.labels.mean() == pytest.approx(1 / 200, abs=0.001)
    assert [len(score) for score in scores] == [100_000, 100_000]


def test_the_naive_way_measures_each_model_on_each_resample() -> None:
    rows, scores = made(4000)
    assert naive(rows, scores, 3).shape == (3, 2, 5)
    assert COSTS.budget_per_day == 100
