"""The pandas ways compute what the engine computes, or the comparison would say nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest

from benchmarks.pandas_features import applied_to_each_entity, grouped_rolling
from features.definitions import history_features
from features.offline import add_history


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


@pytest.mark.parametrize("way", [applied_to_each_entity, grouped_rolling])
def test_either_way_gives_the_engines_features(
    way: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    given = transactions()
    features = history_features(["CUSTOMER_ID", "TERMINAL_ID"], ["TERMINAL_ID"], delay_days=7)

    ours = add_history(
        given, features, time="TX_DATETIME", amount="TX_AMOUNT", label="TX_FRAUD"
    ).to_pandas()
    theirs = way(given.to_pandas())

    assert len(features) == 12
    for one in features:
        assert np.allclose(ours[one.name], theirs[one.name].to_numpy(), atol=1e-8), one.name
