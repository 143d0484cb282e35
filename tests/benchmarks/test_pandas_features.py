"""The pandas ways compute what the engine computes, or the comparison would say nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from benchmarks.pandas_features import applied_to_each_entity, grouped_rolling
from features.definitions import history_features
from features.offline import add_history
from tests.benchmarks.handbook_like import transactions


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
