"""Measures as people read them."""

from __future__ import annotations

import pytest

from training.metric_labels import reading


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
    assert reading(measure, value) == expected
