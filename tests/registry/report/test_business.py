"""Business numbers against values computed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.evaluation.gates.no_worse import Interval
from registry.report.business import (
    Comparison,
    Count,
    Decisions,
    at_budget,
    changed_decisions,
    count,
)
from tests.registry.trials import CANDIDATE, LABELS, policy_of, trial_of


def test_at_one_alert_a_day_the_candidate_catches_two_of_three_frauds(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, policy_of(tmp_path))
    recall = Interval(difference=1 / 3, lower=-0.2, upper=0.8)
    caught, share, money, precision = at_budget(trial, {"budget_recall": recall})
    assert (caught.candidate, caught.production) == pytest.approx((1.0, 0.5))
    assert (share.candidate, share.production) == pytest.approx((2 / 3, 1 / 3))
    assert (money.candidate, money.production) == ((100 + 200 - 10) / 2, (200 - 10) / 2)
    assert (precision.candidate, precision.production) == (1.0, 0.5)
    assert money.difference == 50.0
    assert share.interval == recall
    assert caught.interval is not None
    assert caught.interval.lower == pytest.approx(-0.2 * 1.5)
    assert money.interval is None


def test_without_production_there_is_nothing_to_compare(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, policy_of(tmp_path), first=True)
    numbers = at_budget(trial, {})
    assert [one.difference for one in numbers] == [None] * 4
    assert [one.production for one in numbers] == [None] * 4
    assert changed_decisions(trial) is None


def test_decisions_change_at_each_models_own_threshold(tmp_path: Path) -> None:
    trial = trial_of(tmp_path, policy_of(tmp_path))
    changed = changed_decisions(trial)
    assert changed == Decisions(to_review=Count(1, 0), to_approve=Count(1, 1))
    assert changed.total == 3


def test_count_tells_frauds_from_genuine_transactions() -> None:
    counted = count(LABELS, CANDIDATE >= 0.2)
    assert counted == Count(frauds=3, genuine=1)
    assert str(counted) == "3 frauds, 1 genuine"
    assert str(Count(1, 1200)) == "1 fraud, 1,200 genuine"


@pytest.mark.parametrize(
    ("lower", "upper", "reading"),
    [(0.1, 0.3, "better"), (-0.3, -0.1, "worse"), (-0.1, 0.3, "no clear difference")],
)
def test_reading_of_an_interval(lower: float, upper: float, reading: str) -> None:
    interval = Interval(difference=0.1, lower=lower, upper=upper)
    assert Comparison("", "share", 0.5, 0.4, interval).reading == reading


def test_no_interval_reads_as_nothing() -> None:
    assert Comparison("", "share", 0.5, 0.4).reading == ""
