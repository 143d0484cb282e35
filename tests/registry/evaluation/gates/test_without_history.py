"""What a model is worth with all of its history features as of an empty history."""

from __future__ import annotations

from math import nextafter

import numpy as np
import pandas as pd
import pytest

from features.definitions import history_features
from registry.evaluation.gates.without_history import (
    WithoutHistory,
    WithoutHistoryMeasured,
    emptied,
)
from registry.model.contract import Contract
from tests.contracts import contract_of, number
from tests.registry.graphs import first_input, scorer_of
from tests.registry.trials import rows_of, scored, small_trial

GATE = WithoutHistory(min_average_precision=0.5, max_alerts_per_day_to_budget=2)
HISTORY = history_features(
    ("card",), {"card"}, ratio=("card",), since=("card",), windows_days=(7,), delay_days=3
)
MEASURED = {
    "average_precision": 0.5,
    "with_history": 0.9,
    "alerts_per_day": 10.0,
    "alert_budget_per_day": 5,
    "features": 3,
}


def taking(*names: str) -> Contract:
    return contract_of(*(number(name) for name in names), history_features=HISTORY[:1])


@pytest.mark.parametrize(
    ("first", "second", "precision", "alerts"),
    [("amount", "card_count_7d", 1.0, 2.0), ("card_count_7d", "amount", 0.25, 0.0)],
)
def test_a_model_that_scores_by_its_first_input_loses_it_where_that_is_a_history_feature(
    first: str, second: str, precision: float, alerts: float
) -> None:
    values = [0.9, 0.8, 0.1, 0.2, 0.3, 0.1, 0.1, 0.1]
    columns = pd.DataFrame({first: values, second: [0.7] * 8})
    model = scored(values, scorer_of(first_input(2), taking(first, second)))
    trial = small_trial(rows_of([1, 1, 0, 0, 0, 0, 0, 0], columns=columns), model)

    assert GATE.measure(trial) == WithoutHistoryMeasured(
        average_precision=precision,
        with_history=1.0,
        alerts_per_day=alerts,
        alert_budget_per_day=1,
        features=1,
    )


def test_each_feature_gets_its_value_of_an_empty_history_and_no_other_input_changes() -> None:
    names = [each.name for each in HISTORY]
    contract = contract_of(
        number("amount"), *(number(name) for name in names), history_features=HISTORY
    )
    rows = np.full((2, len(contract.inputs)), 0.25, dtype=np.float32)

    assert dict(zip(contract.names, emptied(rows, contract)[1].tolist(), strict=True)) == {
        "amount": 0.25,
        "card_count_7d": 0.0,
        "card_risk_7d": 0.0,
        "card_amount_ratio_7d": 1.0,
        "card_days_since_fraud_7d": 10.0,
        "card_days_since_genuine_7d": 10.0,
    }
    assert rows.tolist() == [[0.25] * 6] * 2


def test_a_feature_that_is_not_an_input_is_of_no_consequence() -> None:
    rows = np.ones((1, 1), dtype=np.float32)
    assert emptied(rows, taking("amount")).tolist() == [[1.0]]


def test_it_passes_at_its_bounds_and_fails_just_beyond() -> None:
    at = GATE.verdicts_from(MEASURED)
    assert [(one.gate, one.passed) for one in at] == [
        ("without_history.average_precision", True),
        ("without_history.threshold_alerts_per_day", True),
    ]
    beyond = GATE.verdicts_from(
        MEASURED | {"average_precision": nextafter(0.5, 0), "alerts_per_day": nextafter(10.0, 11)}
    )
    assert [one.passed for one in beyond] == [False, False]
    assert at[0].note == "0.9 with its 3 history features"
