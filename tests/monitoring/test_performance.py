from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from monitoring.performance import (
    NAMES,
    Transactions,
    measure,
    slices_of,
    transactions_of,
)
from monitoring.sequential import AlertDay
from registry.evaluation.measures import MEASURES, measure_all
from registry.evaluation.metrics import Costs, LabelledRows, alerts_within_budget
from registry.evaluation.ranking import Ranking

COSTS = Costs(budget_per_day=2, per_alert=5)


def drawn(count: int = 2000) -> Transactions:
    """Of ten days, with a score that tells something."""
    random = np.random.default_rng(1)
    probabilities = random.beta(0.3, 3, count).astype(np.float32)
    days = np.sort(random.integers(0, 10, count))
    return Transactions(
        labels=(random.random(count) < probabilities).astype(np.int8),
        days=days,
        probabilities=probabilities,
        amounts=random.exponential(50, count),
        weights=np.ones(count, dtype=np.uint8),
        is_alert=alerts_within_budget(probabilities, days, COSTS.budget_per_day),
    )


def changed(transactions: Transactions, **values: Any) -> Transactions:
    return Transactions(**{**vars(transactions), **values})


def test_the_measures_are_those_of_the_gates() -> None:
    live = drawn()
    rows = LabelledRows(live.labels, live.days, live.amounts)

    found = measure(live, COSTS, resamples=50)

    expected = measure_all(
        Ranking(rows, live.probabilities, COSTS), [MEASURES[name] for name in NAMES]
    )
    assert {name: value.value for name, value in found.items()} == pytest.approx(expected)
    assert all(value.lower < value.value < value.upper for value in found.values())


def test_a_row_that_stands_for_ten_counts_as_ten_rows() -> None:
    live = drawn()
    tenth = changed(live, weights=np.where((live.labels == 0) & ~live.is_alert, 10, 1).astype("u1"))
    whole = Transactions(**{name: np.repeat(x, tenth.weights) for name, x in vars(live).items()})
    whole = changed(whole, weights=np.ones(len(whole.labels), dtype=np.uint8))

    found, expected = (measure(each, COSTS, resamples=20) for each in (tenth, whole))

    assert {name: found[name].value for name in NAMES} == pytest.approx(
        {name: expected[name].value for name in NAMES}
    )


def test_alerts_without_a_label_are_taken_to_be_frauds_as_often_as_the_others() -> None:
    live = Transactions(
        labels=np.array([1, 0, -1, -1, 1, 0], dtype=np.int8),
        days=np.zeros(6, dtype=np.int64),
        probabilities=np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1], dtype=np.float32),
        amounts=np.array([100.0, 10, 10, 10, 40, 10]),
        weights=np.ones(6, dtype=np.uint8),
        is_alert=np.array([True, True, True, True, False, False]),
    )

    found = measure(live, COSTS, resamples=20)

    assert found["budget_precision"].value == 0.5
    assert found["budget_recall"].value == pytest.approx(2 / 3)
    assert found["money_saved_per_day"].value == 2 * 100 - 4 * 5
    assert live.alert_days() == [AlertDay(0, 2, 1)]


def test_what_is_not_determined_is_left_out() -> None:
    live = drawn(50)

    assert measure(live.part(live.labels < 0), COSTS, resamples=20) == {}
    genuine = measure(live.part(live.labels == 0), COSTS, resamples=20)
    assert genuine.keys() == {
        "brier_score", "calibration_error", "budget_precision", "money_saved_per_day"
    }  # fmt: skip
    unknown = changed(live, amounts=np.full(50, np.nan))
    assert "money_saved_per_day" not in measure(unknown, COSTS, resamples=20)


ROWS = pl.DataFrame(
    {
        "version": [1, 1, 1, 1, 2, 2],
        "day": [5, 5, 6, 6, 5, 5],
        "probability": pl.Series([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], dtype=pl.Float32),
        "label": pl.Series([1, None, 0, 1, 1, 0], dtype=pl.Int8),
        "amount": [1.0, None, 50.0, 500.0, 1.0, 1.0],
        "weight": pl.Series([1] * 6, dtype=pl.UInt8),
        "rank": [0, 1, 0, 1, 0, 1],
        "sampled": pl.Series([None] * 6, dtype=pl.Boolean),
        "slice.channel": ["web", "shop", "web", None, "web", "web"],
    }
)
DAYS = pl.DataFrame({"version": [1, 1, 2], "day": [5, 6, 5], "count": [30, 50, 10]})


def test_versions_that_served_the_same_day_share_its_alert_budget() -> None:
    first, second = (transactions_of(ROWS, DAYS, version, 2) for version in (1, 2))

    assert first.is_alert.tolist() == [True, True, True, True]
    assert second.is_alert.tolist() == [True, False]
    assert first.labels.tolist() == [1, -1, 0, 1]


def test_of_alerts_only_those_count_that_were_drawn_at_random_where_that_is_said() -> None:
    said = ROWS.with_columns(sampled=pl.Series([False, True, False, True, False, False]))

    assert transactions_of(said, DAYS, 1, 1).labels.tolist() == [-1, -1, -1, 1]


def test_slices_are_by_value_and_by_amount_and_keep_the_alerts_of_all_transactions() -> None:
    found = dict(slices_of(ROWS, 1, (10.0, 100.0)))

    assert list(found) == [
        "channel shop", "channel web",
        "amount -inf to 10", "amount 10 to 100", "amount 100 to inf",
    ]  # fmt: skip
    large = transactions_of(ROWS, DAYS, 1, 1, found["amount 100 to inf"])
    assert (large.labels.tolist(), large.is_alert.tolist()) == ([1], [False])


def test_amounts_that_nobody_knows_make_no_slices() -> None:
    unknown = ROWS.with_columns(amount=pl.lit(None, dtype=pl.Float64)).drop("slice.channel")

    assert list(slices_of(unknown, 1, (10.0,))) == []
