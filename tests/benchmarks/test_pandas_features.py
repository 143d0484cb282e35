"""pandas computes the same features as ours; otherwise their times could not be compared."""

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
def test_both_pandas_functions_give_the_same_features_as_ours(
    way: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    payments = transactions()
    features = history_features(["CUSTOMER_ID", "TERMINAL_ID"], ["TERMINAL_ID"], delay_days=7)

    ours = add_history(
        payments, features, time="TX_DATETIME", amount="TX_AMOUNT", label="TX_FRAUD"
    ).to_pandas()
    theirs = way(payments.to_pandas())

    assert len(features) == 12
    for feature in features:
        name = feature.name
        assert np.allclose(ours[name], theirs[name].to_numpy(), atol=1e-8), name
