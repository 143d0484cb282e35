"""Absolute bounds on one model's measures, which are computed by hand here."""

from __future__ import annotations

from math import nextafter

import pytest

from registry.evaluation.gates.floor import Floor, FloorMeasured
from tests.registry.trials import AMOUNTS, DAYS, LABELS, PRODUCTION, rows_of, scored, small_trial

TRIAL = small_trial(rows_of(LABELS, days=DAYS, amounts=AMOUNTS), scored(PRODUCTION))
"""The frauds stand at ranks 1, 3 and 4 of 8; one alert a day catches the second day's fraud."""

MEASURED = {
    "average_precision": (1 + 2 / 3 + 3 / 4) / 3,
    "roc_auc": 13 / 15,
    "budget_precision": 1 / 2,
    "budget_recall": 1 / 3,
    "money_saved_per_day": (200 - 2 * 5) / 2,
}


def test_measures_are_those_computed_by_hand() -> None:
    measured = Floor().measure(TRIAL).candidate
    assert measured == pytest.approx(MEASURED, abs=1e-12)


@pytest.mark.parametrize("name", MEASURED)
def test_each_measure_passes_at_its_bound_and_fails_just_below(name: str) -> None:
    value = MEASURED[name]
    measured = FloorMeasured(candidate=MEASURED)
    (at,) = Floor.model_validate({name: value}).verdicts(measured)
    (below,) = Floor.model_validate({name: nextafter(value, 1000)}).verdicts(measured)
    assert at.gate == f"floor.{name}"
    assert (at.measured, at.bound) == (value, value)
    assert at.passed
    assert not below.passed


def test_a_measure_without_a_bound_is_not_asked_for() -> None:
    verdicts = Floor.model_validate({"roc_auc": 0.9, "budget_recall": 0.3}).verdicts(
        FloorMeasured(candidate=MEASURED)
    )
    assert [(one.gate, one.passed) for one in verdicts] == [
        ("floor.roc_auc", False),
        ("floor.budget_recall", True),
    ]


def test_a_bound_of_zero_is_a_bound() -> None:
    measured = FloorMeasured(candidate=MEASURED | {"money_saved_per_day": -5.0})
    (verdict,) = Floor.model_validate({"money_saved_per_day": 0}).verdicts(measured)
    assert not verdict.passed
    assert verdict.asks == "money saved per day is at least 0"
