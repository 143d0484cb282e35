"""A small simulation of the coverage of the intervals; `make bench-coverage` is the large one."""

from __future__ import annotations

import pytest

from benchmarks import coverage
from registry.evaluation.measures import MEASURES


@pytest.mark.parametrize("name", ["hard", "easy", "saturated"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 40 intervals with a coverage of 90 %, 29 or more hold it in all but 1 of 1,000 cases."""
    monkeypatch.setattr(coverage, "TRUTH_SETS", 200)
    monkeypatch.setattr("training.intervals.RESAMPLES", 200)
    found = coverage.coverage(coverage.SCENARIOS[name], sets=40)
    assert found.keys() == MEASURES.keys()
    low = {name: each.held for name, each in found.items() if each.printed == 1 and each.held < 0.7}
    assert low == {}


def test_a_share_that_no_resample_changes_has_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "TRUTH_SETS", 20)
    monkeypatch.setattr("training.intervals.RESAMPLES", 50)
    found = coverage.coverage(coverage.SCENARIOS["saturated"], sets=40)
    assert found["threshold_recall"].printed < 0.6
    assert found["money_saved_per_day"].printed == 1
    assert found["roc_auc"].printed == 0
