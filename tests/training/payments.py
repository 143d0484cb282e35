"""Small artificial payments, with the data-set file and the contract that fit them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from registry.model.contract import Contract, Histogram, Window
from tests import contracts
from tests.contracts import number
from training.data import Data
from training.dataset import Dataset


def dataset(**changed: object) -> Dataset:
    roles = {
        "label": "fraud",
        "time": {"column": "when"},
        "amount": "amount",
        "numbers": ["hint"],
        "delay_days": 1,
        "alert_budget_per_day": 5,
        "test_share": 0.4,
    }
    return Dataset.model_validate(roles | changed)


def data_of(described: Dataset) -> Data:
    """Twenty days of a hundred transactions; only the `amount` is informative about the label."""
    generator = np.random.default_rng(0)
    labels = (generator.random(2000) < 0.05).astype(np.int8)
    minutes = np.sort(generator.integers(0, 20 * 24 * 60, 2000))
    frame = pl.DataFrame(
        {
            "fraud": labels,
            "when": [datetime(2026, 1, 1) + timedelta(minutes=int(minute)) for minute in minutes],
            "amount": 0.5 * generator.random(2000) + 0.4 * labels,
            "hint": generator.random(2000),
            "card": generator.integers(0, 100, 2000),
        }
    )
    return Data(frame, described, Path("/home/somebody/payments.parquet"), "d" * 64)


def contract_of(data: Data) -> Contract:
    inputs = [
        number(
            name,
            nullable=name == "hint",
            high=1.0,
            reference=0.5,
            histogram=Histogram(edges=(0.5,), counts=(1, 1)),
        )
        for name in data.dataset.inputs
    ]
    return contracts.contract_of(
        *inputs,
        dataset="payments.yaml",
        threshold=0.6,
        threshold_method="chosen by hand",
        training_window=Window(
            start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 12, tzinfo=UTC)
        ),
        delay_days=1,
    )
