"""Three thousand transactions with the columns of the Handbook's data."""

from __future__ import annotations

import numpy as np
import polars as pl


def transactions() -> pl.DataFrame:
    random = np.random.default_rng(0)
    seconds = np.sort(random.choice(60 * 86_400, 3000, replace=False))
    return pl.DataFrame(
        {
            "TRANSACTION_ID": np.arange(3000),
            "TX_DATETIME": np.datetime64("2026-01-01", "us") + seconds.astype("timedelta64[s]"),
            "CUSTOMER_ID": random.integers(0, 20, 3000),
            "TERMINAL_ID": random.integers(0, 30, 3000),
            "TX_AMOUNT": random.exponential(50, 3000).round(2),
            "TX_FRAUD": (random.random(3000) < 0.1).astype(np.int64),
        }
    )
