from __future__ import annotations

import numpy as np
import pytest

from monitoring.expected import expected
from monitoring.performance import Transactions, measure
from tests.monitoring.promises import COSTS, drawn


def test_of_calibrated_probabilities_it_is_what_comes_true() -> None:
    served = drawn(days=200)

    true = measure(served, COSTS, resamples=20)

    assert expected(served) == pytest.approx(
        {name: true[name].value for name in expected(served)}, abs=0.02
    )


def test_it_needs_no_labels() -> None:
    two = Transactions(
        labels=np.array([-1, -1], dtype=np.int8),
        days=np.zeros(2, dtype=np.int64),
        probabilities=np.array([0.5, 0.25], dtype=np.float32),
        amounts=np.zeros(2),
        weights=np.array([1, 2], dtype=np.uint8),
        is_alert=np.array([True, False]),
    )

    # Of 0.5 and twice 0.25 frauds; at the third place 1 + 0.5 + 0.25 of three rows.
    assert expected(two) == {
        "average_precision": 0.5 * 1 + 0.5 * 1.75 / 3,
        "budget_precision": 0.5,
        "budget_recall": 0.5,
    }


def test_where_no_fraud_is_expected_there_is_nothing_to_say() -> None:
    served = drawn(days=1)
    none = Transactions(**{**vars(served), "probabilities": np.zeros(200, dtype=np.float32)})

    assert expected(none) == {}
