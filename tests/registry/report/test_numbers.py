from __future__ import annotations

import pytest

from registry.evaluation.measures import MEASURES, Unit
from registry.report.numbers import change, gate_value, interval, quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.6154, "share", "61.5%"),
        (0.051, "count", "0.05"),
        (12.34, "count", "12.3"),
        (12345.6, "count", "12,346"),
        (12.345, "money", "12.35"),
        (-1234.5, "money", "-1,234"),
        (-0.001, "money", "0.00"),
    ],
)
def test_quantity(value: float, unit: Unit, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0213, "share", "+2.1 points"),
        (-0.0213, "share", "-2.1 points"),
        (-0.00001, "share", "+0.0 points"),
        (3.0, "money", "+3.00"),
        (-0.5, "count", "-0.50"),
    ],
)
def test_change(value: float, unit: Unit, text: str) -> None:
    assert change(value, unit) == text


def test_interval_says_the_unit_once() -> None:
    assert interval(-0.01, 0.035, "share") == "-1.0 to +3.5 points"
    assert interval(-1, 2500, "money") == "-1.00 to +2,500"


@pytest.mark.parametrize(
    ("gate", "value", "text"),
    [
        ("floor.average_precision", 0.81234, "0.812"),
        ("floor.money_saved_per_day", 1234.56, "1,235"),
        ("no_worse.average_precision", -0.0123, "-0.012"),
        ("no_worse.money_saved_per_day.better", 12.3, "+12.30"),
        ("slices", -0.1, "-0.100"),
        ("calibration", 0.001234, "0.00123"),
        ("leakage.candidate", 7.5, "7.50 days"),
        ("latency.ratio", 2.345, "2.35 times"),
        ("integrity.size", 12_345_678, "12.3 MB"),
        ("integrity.size", 448, "0.4 kB"),
        ("robustness.tiny_change", 0.0012, "0.12%"),
        ("contract", 2, "2"),
        ("integrity.parity", 2.2e-7, "2.2e-07"),
    ],
)
def test_measurements_of_gates_have_their_gates_unit(gate: str, value: float, text: str) -> None:
    assert gate_value(gate, value) == text


@pytest.mark.parametrize(
    ("measure", "value", "expected"),
    [
        ("average_precision", 0.80549, "0.805"),
        ("roc_auc", 0.98, "0.980"),
        ("brier_score", 0.00036412, "0.000364"),
        ("budget_recall", 0.75, "75.0%"),
        ("card_precision", 0.29, "29.0%"),
        ("money_saved_per_day", 10254.3, "10,254"),
        ("threshold_alerts_per_day", 98.0, "98.0"),
    ],
)
def test_a_value_has_its_unit_and_no_more_digits_than_mean_something(
    measure: str, value: float, expected: str
) -> None:
    assert quantity(value, MEASURES[measure].unit) == expected
