"""Contracts and their inputs, with defaults for all that a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from features.definitions import calendar_features, history_features
from registry.model.contract import Contract, Histogram, Input, TransactionForm, Window


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


FORM = TransactionForm(
    id="transaction_id", time="time", zoned=True, amount="amount", entities=("card", "shop")
)
HISTORY = history_features(("card", "shop"), {"shop"}, windows_days=(1, 7), delay_days=7)
CALENDAR = calendar_features(["night"], zone="Europe/Berlin")


def raw_contract(**changed: Any) -> Contract:
    """A contract whose service computes features: of the card, the shop, and the night.

    Inputs: `amount`, `card_count_1d`, `card_mean_amount_1d`, the same of 7 days, `shop_count_1d`,
    `shop_risk_1d`, the same of 7 days, `night`, `channel`.
    """
    names = [each.name for each in HISTORY] + [each.name for each in CALENDAR]
    inputs = (
        number("amount", high=500.0),
        *(number(name, high=50.0) for name in names),
        category("channel", "shop", "web", nullable=True),
    )
    described = {
        "version": 2,
        "history_features": HISTORY,
        "calendar_features": CALENDAR,
        "transaction": FORM,
    }
    return contract_of(*changed.pop("inputs", inputs), **{**described, **changed})
