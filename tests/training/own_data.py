"""A user's own data: a CSV file with categories and gaps, and its data-set file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

YAML = """\
label: is_fraud
time: {column: when}
amount: eur
entities:
  card: {}
categories: [mcc, country]
numbers: [distance_km]
ignored: [note]
windows_days: [1, 7]
delay_days: 2
alert_budget_per_day: 10
test_share: 0.25
"""
ROWS = 4000


def frame() -> pl.DataFrame:
    """Payments of forty days: expensive, distant ones at `0742` are frauds; a tenth are incomplete.

    Those have no distance. `mcc` is text that looks like a number; `country` is sometimes missing.
    """
    random = np.random.default_rng(5)
    mcc = random.choice(["0742", "5411", "5812"], ROWS, p=[0.2, 0.5, 0.3])
    eur = random.exponential(60, ROWS).round(2)
    distance = random.exponential(30, ROWS).round(1)
    fraud = (mcc == "0742") & (eur > 70) & (distance > 20)
    country = random.choice(["DE", "FR", "IT"], ROWS)
    start = datetime(2026, 1, 1)
    return pl.DataFrame(
        {
            "when": [start + timedelta(seconds=864 * index) for index in range(ROWS)],
            "card": random.integers(0, 50, ROWS),
            "eur": eur,
            "mcc": mcc,
            "country": [None if row % 20 == 0 else name for row, name in enumerate(country)],
            "distance_km": [
                None if row % 10 == 3 else float(km) for row, km in enumerate(distance)
            ],
            "note": "x",
            "is_fraud": fraud.astype(np.int8),
        }
    )


def write(folder: Path) -> tuple[Path, Path]:
    """The paths of the CSV file and of the YAML file."""
    data, dataset = folder / "payments.csv", folder / "payments.yaml"
    frame().write_csv(data)
    dataset.write_text(YAML)
    return data, dataset
