"""What the contract states about the inputs, counted by hand on small tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from registry.model.contract import TransactionForm
from registry.model.limits import limit_problems
from tests.training.keys import dataset
from training.contract_writer import describe_inputs, write_contract
from training.data import Data
from training.dataset import Dataset
from training.errors import BadInput

START = datetime(2026, 1, 1)


def data_of(**columns: Sequence[object]) -> Data:
    """A table with these inputs: `k` is a category, `a` is the amount, others are numbers."""
    rows = len(next(iter(columns.values())))
    table = {
        "y": [0] * rows,
        "t": [START + timedelta(days=row) for row in range(rows)],
        "a": [float(row) for row in range(rows)],
    }
    numbers = [name for name in columns if name not in ("a", "k")]
    dataset = Dataset.model_validate(
        {
            "label": "y",
            "time": {"column": "t"},
            "amount": "a",
            "categories": ["k"] if "k" in columns else [],
            "numbers": numbers,
            "delay_days": 3,
            "alert_budget_per_day": 5,
        }
    )
    frame = pl.DataFrame(table | columns, schema_overrides=dict.fromkeys(numbers, pl.Float64))
    return Data(frame, dataset, Path("data.parquet"), "0" * 64)


def test_a_number_has_its_range_its_median_and_ten_bins_of_equal_counts() -> None:
    data = data_of(a=[float(value) for value in range(1, 101)])

    [amount] = describe_inputs(data, data.frame)

    assert (amount.name, amount.kind, amount.nullable) == ("a", "number", False)
    assert (amount.low, amount.high, amount.reference) == (1.0, 100.0, 50.5)
    assert amount.histogram.edges == (10, 20, 30, 40, 50, 60, 70, 80, 90)
    assert amount.histogram.counts == (9, 10, 10, 10, 10, 10, 10, 10, 10, 11)
    assert amount.histogram.missing == 0


def test_deciles_that_coincide_make_one_bin() -> None:
    data = data_of(n=[0] * 80 + [1] * 15 + [7] * 5)

    _, number = describe_inputs(data, data.frame)

    assert number.histogram.edges == (1.0,)
    assert number.histogram.counts == (80, 20)


def test_a_constant_is_one_bin() -> None:
    data = data_of(n=[4] * 10)

    _, number = describe_inputs(data, data.frame)

    assert (number.low, number.high, number.reference) == (4.0, 4.0, 4.0)
    assert number.histogram.edges == ()
    assert number.histogram.counts == (10,)


def test_an_input_that_is_missing_in_training_is_nullable_and_its_gaps_are_counted() -> None:
    data = data_of(n=[None, 1, 2, 3, None], k=["x", None, "y", "x", None])

    _, number, category = describe_inputs(data, data.frame)

    assert number.nullable
    assert (number.low, number.high, number.reference) == (1.0, 3.0, 2.0)
    assert number.histogram.missing == 2
    assert sum(number.histogram.counts) + number.histogram.missing == 5
    assert category.nullable
    assert category.histogram.counts == (2, 1)
    assert category.histogram.missing == 2


def test_categories_are_sorted_and_the_most_frequent_is_the_reference() -> None:
    data = data_of(k=["pear", "apple", "pear", "Zoo", "pear", "apple"])

    _, category = describe_inputs(data, data.frame)

    assert category.categories == ("Zoo", "apple", "pear")
    assert category.codes == {"Zoo": 0.0, "apple": 1.0, "pear": 2.0}
    assert category.histogram.counts == (1, 2, 3)
    assert category.histogram.edges == ()
    assert category.reference == "pear"
    assert (category.low, category.high) == (None, None)
    assert not category.nullable


def test_of_equally_frequent_categories_the_first_is_the_reference() -> None:
    data = data_of(k=["b", "a", "c", "a", "b"])

    assert describe_inputs(data, data.frame)[1].reference == "a"


def test_only_the_training_rows_are_described() -> None:
    data = data_of(a=[1.0, 2.0, 99.0], k=["x", "x", "later"])

    amount, category = describe_inputs(data, data.frame.head(2))

    assert amount.high == 2.0
    assert category.categories == ("x",)


def test_a_thousand_categories_are_described_and_one_more_is_refused() -> None:
    thousand = data_of(k=[f"c{index:04}" for index in range(1000)])
    more = data_of(k=[f"c{index:04}" for index in range(1001)])

    assert len(describe_inputs(thousand, thousand.frame)[1].categories) == 1000
    with pytest.raises(BadInput) as caught:
        describe_inputs(more, more.frame)
    assert str(caught.value) == (
        "column 'k' has 1001 distinct values in the training window, but a category has 1 to 1000: "
        "list it under `ignored` or `entities` instead"
    )


def test_five_hundred_inputs_are_described_and_one_more_is_refused() -> None:
    at_the_limit = data_of(**{f"n{index}": [1.0, 2.0] for index in range(499)})
    more = data_of(**{f"n{index}": [1.0, 2.0] for index in range(500)})

    assert len(describe_inputs(at_the_limit, at_the_limit.frame)) == 500
    with pytest.raises(BadInput) as caught:
        describe_inputs(more, more.frame)
    assert str(caught.value) == (
        "the data-set file makes 501 inputs, but a model has at most 500: list some columns under "
        "`ignored`, or fewer `windows_days`"
    )


def test_a_long_name_and_a_long_category_are_refused() -> None:
    long_name, long_category = data_of(**{"n" * 201: [1.0]}), data_of(k=["c" * 201])

    with pytest.raises(BadInput, match="has a name of more than 200 characters: rename it"):
        describe_inputs(long_name, long_name.frame)
    with pytest.raises(BadInput, match="'k' has a category of more than 200 characters"):
        describe_inputs(long_category, long_category.frame)


def test_what_is_described_is_within_the_limits_of_a_contract() -> None:
    data = data_of(n=[0] * 80 + [1] * 15 + [7] * 5, k=[f"c{index}" for index in range(100)])

    contract = write_contract(
        data, "mine", data.frame, describe_inputs(data, data.frame), 0.25, "by hand"
    )

    assert limit_problems(contract) == ()


def test_a_column_without_any_value_in_the_training_window_is_refused() -> None:
    no_number, no_category = data_of(n=[None, None]), data_of(k=[None, None])

    with pytest.raises(BadInput, match="column 'n' has no values in the training window"):
        describe_inputs(no_number, no_number.frame)
    no_category = Data(
        no_category.frame.cast({"k": pl.String}), no_category.dataset, Path("data"), ""
    )
    with pytest.raises(BadInput, match="column 'k' has 0 distinct values"):
        describe_inputs(no_category, no_category.frame)


def test_the_contract_states_window_delay_and_threshold() -> None:
    data = data_of(a=[1.0, 2.0, 3.0])
    inputs = describe_inputs(data, data.frame)

    contract = write_contract(data, "mine", data.frame, inputs, 0.25, "by hand")

    assert contract.dataset == "mine"
    assert contract.names == ("a",)
    assert contract.threshold == 0.25
    assert contract.threshold_method == "by hand"
    assert contract.training_window.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert contract.training_window.end == datetime(2026, 1, 3, tzinfo=UTC)
    assert contract.delay_days == 3


def test_a_model_with_features_says_how_a_client_sends_a_transaction() -> None:
    plain = data_of(a=[1.0, 2.0])
    inputs = describe_inputs(plain, plain.frame)
    described = dataset(entities={"card": {}}, windows_days=[7], calendar=["hour"], missing="NA")
    table = {"card_count_7d": [1.0, 2.0], "card_mean_amount_7d": [1.0, 1.5], "hour": [0.0, 0.0]}
    computed = replace(
        plain,
        dataset=described,
        frame=plain.frame.with_columns(**{name: pl.Series(table[name]) for name in table}),
        zoned=True,
    )

    without = write_contract(plain, "plain", plain.frame, inputs, 0.5, "fixed")
    raw = write_contract(
        computed,
        "raw",
        computed.frame,
        describe_inputs(computed, computed.frame),
        0.5,
        "fixed",
    )

    assert (without.version, without.transaction) == (1, None)
    assert raw.version == 2
    assert sorted(raw.computed) == ["card_count_7d", "card_mean_amount_7d", "hour"]
    assert raw.transaction == TransactionForm(
        id="transaction_id",
        time="t",
        zoned=True,
        amount="a",
        entities=("card",),
        missing=("NA",),
    )
