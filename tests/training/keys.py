"""A data-set file for tests of single columns."""

from __future__ import annotations

from typing import Any

from training.dataset import Dataset


def dataset(**more: Any) -> Dataset:
    """The label is `y`, the time `t`, the amount `a`; further keys and changes are in `more`."""
    return Dataset.model_validate(
        {
            "label": "y",
            "time": {"column": "t"},
            "amount": "a",
            "delay_days": 1,
            "alert_budget_per_day": 5,
            **more,
        }
    )
