"""Bins of training, rows counted in them, and how far the two lie apart."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.bins import MIN_ROWS, Bins, reference_shares, shown_categories
from registry.model.contract import Histogram, Input
from registry.model.limits import MAX_INPUTS
from registry.model.scorer import Value, encode_columns
from tests.contracts import category, contract_of, number

AMOUNT = number("amount", nullable=True).model_copy(
    update={"histogram": Histogram(edges=(0.1, 1.0, 10.0), counts=(10, 20, 30, 30), missing=10)}
)
COUNTRY = category("country", "DE", "FR", nullable=True).model_copy(
    update={"histogram": Histogram(counts=(60, 20), missing=20)}
)
CONTRACT = contract_of(AMOUNT, COUNTRY)
BINS = Bins(CONTRACT)
AMOUNT_BINS = ["-inf..0.1", "0.1..1", "1..10", "10..inf", "missing"]
COUNTRY_BINS = ["DE", "FR", "unknown"]

Counted = dict[tuple[str, str], int]


def named(bins: Bins, counts: Sequence[int]) -> Counted:
    """The counts above 0, by input and bin."""
    names = [
        (input_.name, name)
        for input_, names in zip(bins.inputs, bins.names, strict=True)
        for name in names
    ]
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}


def counted(amounts: Sequence[Value], countries: Sequence[Value]) -> Counted:
    rows = encode_columns({"amount": amounts, "country": countries}, CONTRACT.inputs)
    return named(BINS, BINS.count(rows).tolist())


def test_bins_are_named_by_their_ranges_or_categories() -> None:
    assert BINS.names == [AMOUNT_BINS, COUNTRY_BINS]
    assert Bins(contract_of(number("x"))).names == [["-inf..inf", "missing"]]
    assert BINS.starts.tolist() == [0, 5]
    assert BINS.size == 8


def test_reference_shares_are_those_of_training() -> None:
    amount = dict(zip(AMOUNT_BINS, (0.1, 0.2, 0.3, 0.3, 0.1), strict=True))
    assert reference_shares(AMOUNT) == amount
    assert reference_shares(COUNTRY) == {"DE": 0.6, "FR": 0.2, "unknown": 0.2}
    assert BINS.reference.tolist() == [0.1, 0.2, 0.3, 0.3, 0.1, 0.6, 0.2, 0.2]


def test_an_input_that_training_never_counted_has_no_shares() -> None:
    empty = AMOUNT.model_copy(update={"histogram": Histogram(counts=(0,))})
    assert reference_shares(empty) == {"-inf..inf": 0, "missing": 0}


MANY = tuple(f"c{code:06}" for code in range(100_000))


def many_categories() -> Input:
    """A hundred thousand categories, the later the more frequent, and 1,000 missing rows."""
    histogram = Histogram(counts=tuple(range(len(MANY))), missing=1000)
    return category("merchant", *MANY).model_copy(update={"histogram": histogram})


def test_only_the_most_frequent_categories_have_a_bin_of_their_own() -> None:
    bins = Bins(contract_of(many_categories()))
    assert bins.names == [[*MANY[-50:], "other", "unknown"]]
    codes = [[99_999.0], [99_950.0], [99_949.0], [0.0], [-1.0]]
    assert named(bins, bins.count(np.array(codes, dtype=np.float32)).tolist()) == {
        ("merchant", "c099999"): 1,
        ("merchant", "c099950"): 1,
        ("merchant", "other"): 2,
        ("merchant", "unknown"): 1,
    }


def test_the_shares_of_all_other_categories_are_in_one_bin() -> None:
    shares = reference_shares(many_categories())
    total = sum(range(100_000)) + 1000
    assert shares["c099999"] == pytest.approx(99_999 / total)
    assert shares["other"] == pytest.approx(sum(range(99_950)) / total)
    assert shares["unknown"] == pytest.approx(1000 / total)
    assert sum(shares.values()) == pytest.approx(1)


def test_as_many_categories_as_are_shown_need_no_bin_for_others() -> None:
    assert "other" not in reference_shares(category("c", *MANY[:50]))
    assert list(reference_shares(category("c", *MANY[:51])))[-2:] == ["other", "unknown"]


@pytest.mark.parametrize(
    ("numbers", "categories", "shown"),
    [(0, 1, 50), (0, 115, 50), (0, 116, 49), (15, 0, 50), (250, 250, 11), (0, 500, 10)],
)
def test_where_many_inputs_are_categories_fewer_of_each_are_shown(
    numbers: int, categories: int, shown: int
) -> None:
    assert shown_categories(numbers, categories) == shown


@pytest.mark.parametrize("numbers", [0, 1, 250, 499, 500])
def test_no_contract_has_more_than_6_000_bins(numbers: int) -> None:
    ten = Histogram(edges=tuple(range(9)), counts=(1,) * 10)
    of_numbers = [number(f"n{index}", histogram=ten) for index in range(numbers)]
    of_categories = [category(f"c{index}", *MANY[:100]) for index in range(600 - numbers)]
    bins = Bins(contract_of(*of_numbers, *of_categories))
    assert len(bins.inputs) == MAX_INPUTS
    assert 5500 <= bins.size <= 6000


def test_a_category_named_as_a_bin_shares_it() -> None:
    unknown = category("c", "unknown", "DE").model_copy(
        update={"histogram": Histogram(counts=(3, 4), missing=3)}
    )
    assert reference_shares(unknown) == {"unknown": 0.6, "DE": 0.4}
    bins = Bins(contract_of(unknown))
    assert bins.count(np.array([[0], [1], [-1]], dtype=np.float32)).tolist() == [2, 1]


def test_edges_that_are_written_alike_share_a_bin() -> None:
    close = number("x", histogram=Histogram(edges=(1.0, 1.0000001, 1.0000002), counts=(1,) * 4))
    bins = Bins(contract_of(close))
    assert bins.names == [["-inf..1", "1..1", "1..inf", "missing"]]
    assert bins.reference.tolist() == [0.25, 0.5, 0.25, 0]


def test_a_histogram_of_more_edges_than_training_writes_is_cut_off() -> None:
    histogram = Histogram(edges=tuple(range(1000)), counts=(1,) * 1001)
    bins = Bins(contract_of(number("x").model_copy(update={"histogram": histogram})))
    assert bins.names == [
        ["-inf..0", *(f"{low}..{low + 1}" for low in range(8)), "8..inf", "missing"]
    ]
    assert bins.reference[-2] == pytest.approx(992 / 1001)
    rows = np.array([[0.5], [8.5], [500.0], [np.nan]], dtype=np.float32)
    assert named(bins, bins.count(rows).tolist()) == {
        ("x", "0..1"): 1,
        ("x", "8..inf"): 2,
        ("x", "missing"): 1,
    }


@pytest.mark.parametrize("counts", [(), (6,), (6, 2, 50, 50)])
def test_counts_that_do_not_fit_the_categories_shift_nothing(counts: tuple[int, ...]) -> None:
    odd = COUNTRY.model_copy(update={"histogram": Histogram(counts=counts, missing=2)})
    assert list(reference_shares(odd)) == COUNTRY_BINS
    expected = [*counts[:2], *[0] * (2 - len(counts)), 2]
    assert list(reference_shares(odd).values()) == [count / sum(expected) for count in expected]


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
    assert counted([value], ["DE"]) == {("amount", name): 1, ("country", "DE"): 1}


@pytest.mark.parametrize(
    ("value", "name"), [("DE", "DE"), ("FR", "FR"), ("XX", "unknown"), (None, "unknown")]
)
def test_a_category_has_its_bin_and_unseen_and_missing_ones_share_one(
    value: Value, name: str
) -> None:
    assert counted([5.0], [value]) == {("amount", "1..10"): 1, ("country", name): 1}


values = st.tuples(
    st.none() | st.sampled_from([0.1, 1.0, 10.0]) | st.floats(-20, 20),
    st.sampled_from(["DE", "FR", "XX", None]),
)


@given(rows=st.lists(values, min_size=1, max_size=30))
def test_every_row_is_counted_once_for_each_input(
    rows: list[tuple[float | None, str | None]],
) -> None:
    amounts, countries = zip(*rows, strict=True)
    expected: Tally[tuple[str, str]] = Tally()
    for amount, country in rows:
        edges = np.array([0.1, 1, 10], np.float32)
        at = 4 if amount is None else int((np.float32(amount) >= edges).sum())
        expected["amount", AMOUNT_BINS[at]] += 1
        expected["country", country if country in ("DE", "FR") else "unknown"] += 1
    assert counted(amounts, countries) == expected
    encoded = encode_columns({"amount": amounts, "country": countries}, CONTRACT.inputs)
    assert BINS.rows(BINS.count(encoded)) == len(rows)


def index_of(counts: tuple[int, ...], histogram: tuple[int, ...]) -> float:
    """The stability index of one category with these counts, and a missing one without any."""
    names = [f"c{code}" for code in range(len(histogram))]
    input_ = category("c", *names).model_copy(update={"histogram": Histogram(counts=histogram)})
    return float(Bins(contract_of(input_)).stability(np.array([*counts, 0]))[0])


def test_the_stability_index_is_the_sum_over_the_bins() -> None:
    """(0.5 - 0.6) ln(0.5 / 0.6) + (0.5 - 0.4) ln(0.5 / 0.4), worked out by hand."""
    assert index_of((50, 50), (60, 40)) == pytest.approx(0.04054651, abs=1e-8)


def test_each_input_has_an_index_of_its_own() -> None:
    counts = np.array([10, 20, 30, 30, 10, 50, 30, 20])
    country = -0.1 * np.log(0.5 / 0.6) + 0.1 * np.log(0.3 / 0.2)
    assert BINS.stability(counts).tolist() == pytest.approx([0, country])


def test_an_empty_bin_counts_as_one_in_ten_thousand() -> None:
    """(1 - 0.5) ln(1 / 0.5) + (0.0001 - 0.5) ln(0.0001 / 0.5)."""
    assert index_of((10, 0), (50, 50)) == pytest.approx(0.3465736 + 4.2577449, abs=1e-6)
    assert index_of((10, 10), (100, 0)) == pytest.approx(4.6043185, abs=1e-6)


def draws_above(bound: float, rows: int, bins: int, draws: int = 2000) -> float:
    """The share of draws of `rows` rows without drift whose index exceeds a bound."""
    shares = np.full(bins - 1, 1 / (bins - 1))
    counts = np.random.default_rng(0).multinomial(rows, shares, draws)
    histogram = (1,) * (bins - 1)
    return float(np.mean([index_of(tuple(one), histogram) > bound for one in counts.tolist()]))


def test_few_rows_look_shifted_without_any_drift_and_a_thousand_do_not() -> None:
    """Issue 12: 89 of 100 draws of 20 rows, 30 of 50 rows, 1 of 100 rows."""
    assert draws_above(0.25, rows=20, bins=11) > 0.8
    assert draws_above(0.25, rows=100, bins=11) < 0.05
    for bins in (11, 52):
        assert draws_above(0.1, rows=MIN_ROWS, bins=bins) < 0.005
