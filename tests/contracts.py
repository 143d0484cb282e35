"""Contracts and their inputs, with defaults for all that a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from registry.model.contract import Contract, Histogram, Input, Window


def number(name: str, **changed: Any) -> Input:
    described: dict[str, Any] = {
        "kind": "number",
        "nullable": False,
        "low": 0.0,
        "high": 2.5,
        "reference": 0.25,
        "histogram": Histogram(counts=(10,)),
    }
    return Input(name=name, **{**described, **changed})


def category(name: str, *categories: str, nullable: bool = False) -> Input:
    return Input(
        name=name,
        kind="category",
        nullable=nullable,
        categories=categories,
        reference=categories[0],
        histogram=Histogram(counts=(10,) * len(categories)),
    )


def contract_of(*inputs: Input, **changed: Any) -> Contract:
    """A contract of a model trained on January and February 2026, with a label delay of a week."""
    described: dict[str, Any] = {
        "dataset": "test",
        "threshold": 0.5,
        "threshold_method": "fixed",
        "training_window": Window(
            start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 3, 1, tzinfo=UTC)
        ),
        "delay_days": 7,
    }
    return Contract(inputs=inputs, **{**described, **changed})
