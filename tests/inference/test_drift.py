"""Rows counted in the bins of training, and how far the two lie apart."""

from __future__ import annotations

import math
from collections import Counter as Tally
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from inference.drift import (
    COUNT_BATCH_SIZE,
    Drift,
    bin_names,
    reference_shares,
    stability_index,
)
from registry.model.contract import Histogram, Input
from registry.model.limits import MAX_INPUTS
from registry.model.scorer import Value, encode_columns
from tests.contracts import category, number
from tests.inference.models import served

AMOUNT = number("amount", nullable=True).model_copy(
    update={"histogram": Histogram(edges=(0.1, 1.0, 10.0), counts=(10, 20, 30, 30), missing=10)}
)
COUNTRY = category("country", "DE", "FR", nullable=True).model_copy(
    update={"histogram": Histogram(counts=(60, 20), missing=20)}
)
MODEL = served(AMOUNT, COUNTRY, weights=(1.0, 1.0))
AMOUNT_BINS = ["-inf..0.1", "0.1..1", "1..10", "10..inf", "missing"]
COUNTRY_BINS = ["DE", "FR", "unknown"]

Counted = dict[tuple[str, str], float]


class Counting:
    """The rows of a model, and what was counted of them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._drift = Drift(self._registry)
        self._drift.start(MODEL)
        self.flush = self._drift.flush

    def add(self, rows: NDArray[np.float32]) -> None:
        self._drift.add(MODEL, rows)

    def counted(self) -> Counted:
        rows, _ = self._registry.collect()
        return {
            (one.labels["input"], one.labels["bin"]): one.value
            for one in rows.samples
            if one.name == "fraud_input_rows_total" and one.value
        }


def encoded(amounts: Sequence[Value], countries: Sequence[Value]) -> NDArray[np.float32]:
    columns = {"amount": amounts, "country": countries}
    return encode_columns(columns, MODEL.contract.inputs)


def test_bins_are_named_by_their_ranges_or_categories() -> None:
    assert bin_names(AMOUNT) == AMOUNT_BINS
    assert bin_names(COUNTRY) == COUNTRY_BINS
    assert bin_names(number("x")) == ["-inf..inf", "missing"]


def test_reference_shares_are_those_of_training() -> None:
    assert reference_shares(AMOUNT) == dict(
        zip(AMOUNT_BINS, (0.1, 0.2, 0.3, 0.3, 0.1), strict=True)
    )
    assert reference_shares(COUNTRY) == {"DE": 0.6, "FR": 0.2, "unknown": 0.2}


def test_an_input_that_training_never_counted_has_no_shares() -> None:
    empty = AMOUNT.model_copy(update={"histogram": Histogram(counts=(0,))})
    assert reference_shares(empty) == {"-inf..inf": 0, "missing": 0}


MANY = tuple(f"c{code:06}" for code in range(100_000))


def many_categories() -> Input:
    """A hundred thousand categories, the later the more frequent, and 1,000 missing rows."""
    histogram = Histogram(counts=tuple(range(len(MANY))), missing=1000)
    return category("merchant", *MANY).model_copy(update={"histogram": histogram})


def test_only_the_most_frequent_categories_have_a_bin_of_their_own() -> None:
    names = bin_names(many_categories())
    assert names == [*MANY[-50:], "other", "unknown"]


def test_the_shares_of_all_other_categories_are_in_one_bin() -> None:
    shares = reference_shares(many_categories())
    total = sum(range(100_000)) + 1000
    assert shares["c099999"] == pytest.approx(99_999 / total)
    assert shares["other"] == pytest.approx(sum(range(99_950)) / total)
    assert shares["unknown"] == pytest.approx(1000 / total)
    assert sum(shares.values()) == pytest.approx(1)


def test_a_contract_of_a_hundred_thousand_categories_makes_few_series() -> None:
    registry = CollectorRegistry()
    drift, model = Drift(registry), served(many_categories(), weights=(1.0,))
    drift.start(model)
    codes = [[99_999.0], [99_950.0], [99_949.0], [0.0], [-1.0]]
    drift.add(model, np.array(codes, dtype=np.float32))
    drift.flush()
    rows, reference = registry.collect()
    totals = [one for one in rows.samples if one.name == "fraud_input_rows_total"]
    assert (len(totals), len(reference.samples)) == (52, 52)
    assert {one.labels["bin"]: one.value for one in totals if one.value} == {
        "c099999": 1,
        "c099950": 1,
        "other": 2,
        "unknown": 1,
    }


def test_as_many_categories_as_are_shown_need_no_bin_for_others() -> None:
    assert "other" not in bin_names(category("c", *MANY[:50]))
    assert bin_names(category("c", *MANY[:51]))[-2:] == ["other", "unknown"]


def test_a_category_named_as_a_bin_shares_it() -> None:
    named = category("c", "unknown", "DE").model_copy(
        update={"histogram": Histogram(counts=(3, 4), missing=3)}
    )
    assert reference_shares(named) == {"unknown": 0.6, "DE": 0.4}


def test_a_histogram_of_more_edges_than_training_writes_is_cut_off() -> None:
    fine = number("x").model_copy(
        update={"histogram": Histogram(edges=tuple(range(1000)), counts=(1,) * 1001)}
    )
    names = bin_names(fine)
    assert names == [
        "-inf..0",
        *(f"{low}..{low + 1}" for low in range(8)),
        "8..inf",
        "missing",
    ]
    assert reference_shares(fine)["8..inf"] == pytest.approx(992 / 1001)
    registry = CollectorRegistry()
    drift, model = Drift(registry), served(fine, weights=(1.0,))
    drift.start(model)
    drift.add(model, np.array([[0.5], [8.5], [500.0], [np.nan]], dtype=np.float32))
    drift.flush()
    rows, _ = registry.collect()
    assert {
        one.labels["bin"]: one.value for one in rows.samples if one.value < 100 and one.value
    } == {
        "0..1": 1,
        "8..inf": 2,
        "missing": 1,
    }


@pytest.mark.parametrize("counts", [(), (6,), (6, 2, 50, 50)])
def test_counts_that_do_not_fit_the_categories_shift_nothing(counts: tuple[int, ...]) -> None:
    odd = COUNTRY.model_copy(update={"histogram": Histogram(counts=counts, missing=2)})
    assert list(reference_shares(odd)) == COUNTRY_BINS
    expected = [*counts[:2], *[0] * (2 - len(counts)), 2]
    assert list(reference_shares(odd).values()) == [count / sum(expected) for count in expected]


def test_only_the_first_inputs_are_counted() -> None:
    inputs = tuple(number(f"x{index}") for index in range(MAX_INPUTS + 1))
    registry = CollectorRegistry()
    drift, model = Drift(registry), served(*inputs, weights=(0.0,) * len(inputs))
    drift.start(model)
    drift.add(model, np.zeros((1, len(inputs)), dtype=np.float32))
    drift.flush()
    _, reference = registry.collect()
    assert {one.labels["input"] for one in reference.samples} == {
        f"x{index}" for index in range(MAX_INPUTS)
    }


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (-1e30, "-inf..0.1"),
        (0.0999, "-inf..0.1"),
        (0.1, "0.1..1"),
        (0.5, "0.1..1"),
        (1.0, "1..10"),
        (9.99, "1..10"),
        (10.0, "10..inf"),
        (1e30, "10..inf"),
        (None, "missing"),
    ],
)
def test_a_number_on_an_edge_belongs_to_the_bin_above(value: Value, name: str) -> None:
    """0.1 is not the same in float32, in which it was scored, as in the contract's float64."""
    counting = Counting()
    counting.add(encoded([value], ["DE"]))
    counting.flush()
    assert counting.counted() == {("amount", name): 1, ("country", "DE"): 1}


@pytest.mark.parametrize(
    ("value", "name"), [("DE", "DE"), ("FR", "FR"), ("XX", "unknown"), (None, "unknown")]
)
def test_a_category_has_its_bin_and_unseen_and_missing_ones_share_one(
    value: Value, name: str
) -> None:
    counting = Counting()
    counting.add(encoded([5.0], [value]))
    counting.flush()
    assert counting.counted() == {("amount", "1..10"): 1, ("country", name): 1}


def test_nothing_is_counted_twice() -> None:
    counting = Counting()
    counting.add(encoded([5.0, 0.5], ["DE", "DE"]))
    for _ in range(3):
        counting.flush()
    assert counting.counted() == {
        ("amount", "1..10"): 1,
        ("amount", "0.1..1"): 1,
        ("country", "DE"): 2,
    }


def test_rows_of_a_model_that_was_replaced_are_ignored() -> None:
    """They may have another number of inputs, and the series of their version are gone."""
    registry = CollectorRegistry()
    drift, old = Drift(registry), served(number("x"), weights=(1.0,), version=6)
    drift.start(old)
    drift.start(MODEL)
    drift.add(old, np.zeros((1, 1), np.float32))
    drift.flush()
    labels = {"version": "6", "input": "x", "bin": "-inf..inf"}
    assert registry.get_sample_value("fraud_input_rows_total", labels) == 0


def test_single_rows_are_counted_many_at_a_time_and_none_is_lost() -> None:
    counting = Counting()
    for _ in range(COUNT_BATCH_SIZE - 1):
        counting.add(encoded([5.0], ["FR"]))
    assert counting.counted() == {}
    counting.add(encoded([5.0], ["FR"]))
    assert counting.counted() == {("amount", "1..10"): 256, ("country", "FR"): 256}
    counting.add(encoded([0.5], ["FR"]))
    counting.flush()
    assert counting.counted() == {
        ("amount", "1..10"): 256,
        ("amount", "0.1..1"): 1,
        ("country", "FR"): 257,
    }


values = st.tuples(
    st.none() | st.sampled_from([0.1, 1.0, 10.0]) | st.floats(-20, 20),
    st.sampled_from(["DE", "FR", "XX", None]),
)
rows = st.lists(values, min_size=1, max_size=30)


@given(groups=st.lists(st.tuples(rows, st.integers(1, 60)), min_size=1, max_size=6))
def test_every_row_is_counted_once_however_rows_arrive(
    groups: list[tuple[list[tuple[float | None, str | None]], int]],
) -> None:
    """One at a time, in batches smaller and larger than what is kept: the counts are the same."""
    batches, singles = Counting(), Counting()
    expected: Tally[tuple[str, str]] = Tally()
    for group, times in groups:
        part = np.tile(encoded(*zip(*group, strict=True)), (times, 1))
        batches.add(part)
        for row in part:
            singles.add(row.reshape(1, -1))
        for amount, country in group:
            edges = np.array([0.1, 1, 10], np.float32)
            at = 4 if amount is None else int((np.float32(amount) >= edges).sum())
            expected["amount", AMOUNT_BINS[at]] += times
            expected["country", country if country in ("DE", "FR") else "unknown"] += times
    batches.flush()
    singles.flush()
    assert batches.counted() == singles.counted() == expected


def test_the_stability_index_is_the_sum_over_the_bins() -> None:
    """(0.5 - 0.6) ln(0.5 / 0.6) + (0.5 - 0.4) ln(0.5 / 0.4), worked out by hand."""
    index = stability_index({"a": 50, "b": 50}, {"a": 0.6, "b": 0.4})
    assert index == pytest.approx(0.04054651, abs=1e-8)


def test_what_is_as_in_training_is_stable() -> None:
    assert stability_index({"a": 6, "b": 4}, {"a": 0.6, "b": 0.4}) == pytest.approx(0)


def test_an_empty_bin_counts_as_one_in_ten_thousand() -> None:
    """(1 - 0.5) ln(1 / 0.5) + (0.0001 - 0.5) ln(0.0001 / 0.5)."""
    index = stability_index({"a": 10}, {"a": 0.5, "b": 0.5})
    assert index == pytest.approx(0.3465736 + 4.2577449, abs=1e-6)
    assert stability_index({"a": 10, "new": 10}, {"a": 1.0}) == pytest.approx(4.6043185, abs=1e-6)


def test_while_nothing_was_counted_there_is_no_index() -> None:
    assert math.isnan(stability_index({}, {"a": 1.0}))


def test_rows_of_one_kind_alone_look_shifted() -> None:
    assert stability_index({"1..10": 100}, reference_shares(AMOUNT)) > 0.25
