"""The simulator: what the book's method promises, and that a seed gives the same rows."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from training.simulate import simulate


@pytest.fixture(scope="module")
def simulated() -> pl.DataFrame:
    return simulate()


@pytest.fixture(scope="module")
def small() -> pl.DataFrame:
    return simulate(customers=200, terminals=400, days=60, start=date(2025, 12, 1), seed=7)


def test_columns_and_types_are_as_documented(simulated: pl.DataFrame) -> None:
    assert simulated.schema == {
        "transaction_id": pl.Int64,
        "time": pl.Datetime("us"),
        "customer_id": pl.Int64,
        "terminal_id": pl.Int64,
        "amount": pl.Float64,
        "fraud": pl.Int8,
        "fraud_scenario": pl.Int8,
    }
    assert sum(simulated.null_count().row(0)) == 0


def test_rows_are_in_the_order_of_time_and_numbered(simulated: pl.DataFrame) -> None:
    assert simulated["time"].is_sorted()
    assert simulated["transaction_id"].to_list() == list(range(simulated.height))


def test_times_are_whole_seconds_of_the_days_asked_for(small: pl.DataFrame) -> None:
    assert (
        small["time"].dt.date().unique().sort().to_list()
        == pl.date_range(date(2025, 12, 1), date(2026, 1, 29), eager=True).to_list()
    )
    assert small["time"].dt.microsecond().unique().to_list() == [0]


def test_the_same_seed_gives_the_same_rows_and_another_one_gives_others(
    small: pl.DataFrame,
) -> None:
    again = simulate(customers=200, terminals=400, days=60, start=date(2025, 12, 1), seed=7)
    other = simulate(customers=200, terminals=400, days=60, start=date(2025, 12, 1), seed=8)

    assert_frame_equal(again, small, check_exact=True)
    assert not other.equals(small)


def test_the_start_moves_the_times_and_nothing_else(small: pl.DataFrame) -> None:
    later = simulate(customers=200, terminals=400, days=60, start=date(2026, 12, 1), seed=7)

    assert_frame_equal(later.with_columns(pl.col("time").dt.offset_by("-365d")), small)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("customers", [200, 1000])
def test_the_share_of_frauds_is_the_books_for_populations_of_any_size(
    customers: int, seed: int
) -> None:
    share = simulate(customers=customers, terminals=2 * customers, seed=seed)["fraud"].mean()

    # The book's own data set has 0.84 %.
    assert isinstance(share, float)
    assert 0.006 < share < 0.011


def test_each_scenario_has_its_share(simulated: pl.DataFrame) -> None:
    share = dict(simulated["fraud_scenario"].value_counts(normalize=True).iter_rows())

    # The book's: 0.055 %, 0.52 % and 0.26 %.
    assert 0.0002 < share[1] < 0.0012
    assert 0.004 < share[2] < 0.0065
    assert 0.0018 < share[3] < 0.0035


def test_a_fraud_has_a_scenario_and_the_rest_has_none(simulated: pl.DataFrame) -> None:
    assert simulated["fraud"].unique().sort().to_list() == [0, 1]
    assert ((simulated["fraud_scenario"] > 0) == (simulated["fraud"] == 1)).all()
    assert set(simulated["fraud_scenario"]) == {0, 1, 2, 3}


def test_every_amount_above_220_is_a_fraud(simulated: pl.DataFrame) -> None:
    assert simulated.filter(pl.col("amount") > 220)["fraud"].unique().to_list() == [1]
    assert simulated.filter(pl.col("fraud_scenario") == 1)["amount"].to_numpy().min() > 220


def test_a_compromised_terminal_has_only_frauds_for_28_days(small: pl.DataFrame) -> None:
    # 400 terminals are 4 % of the book's 10,000: its 120 choices in 60 days become 5.
    begins = (
        small.filter(pl.col("fraud_scenario") == 2)
        .group_by("terminal_id")
        .agg(pl.col("time").min().alias("first"), pl.col("time").max().alias("last"))
    )
    within = small.join(begins, on="terminal_id").filter(pl.col("time").is_between("first", "last"))

    assert 1 <= begins.height <= 5
    assert ((begins["last"] - begins["first"]).dt.total_days() < 28).all()
    assert within["fraud"].to_list() == [1] * within.height


def test_leaked_cards_spend_five_times_as_much_on_a_third_of_their_purchases() -> None:
    # Neither of the populations is large enough for more than one choice in 14 days.
    frame = simulate(customers=100, terminals=200, days=14, seed=3)
    frauds = frame.filter(pl.col("fraud_scenario") == 3)
    card = frame.filter(pl.col("customer_id").is_in(frauds["customer_id"].implode()))
    untouched = card.filter(pl.col("fraud") == 0)["amount"].to_numpy()

    assert frauds["customer_id"].n_unique() == 1
    assert frauds.height == card.height // 3
    assert 3.5 < frauds["amount"].to_numpy().mean() / untouched.mean() < 6.5


def test_a_population_too_small_for_its_share_still_sees_every_attack() -> None:
    frame = simulate(customers=20, terminals=20, days=60, radius=30)

    assert {2, 3} <= set(frame["fraud_scenario"])


def test_amounts_are_cents_and_never_below_zero(simulated: pl.DataFrame) -> None:
    amounts = simulated["amount"].to_numpy()

    assert (amounts == amounts.round(2)).all()
    assert amounts.min() >= 0


def test_customers_spend_as_their_profile_says(simulated: pl.DataFrame) -> None:
    honest = simulated.filter(pl.col("fraud") == 0)
    profiles = honest.group_by("customer_id").agg(
        mean=pl.col("amount").mean(), spread=pl.col("amount").std(), number=pl.len()
    )
    busy = profiles.filter(pl.col("number") > 120)

    assert 4 < profiles["mean"].to_numpy().min() < 10
    assert 95 < busy["mean"].to_numpy().max() < 110
    # Half the mean, less what redrawing the negative ones takes off.
    assert np.median((busy["spread"] / busy["mean"]).to_numpy()) == pytest.approx(0.48, abs=0.02)
    # Uniform on 0 to 4 a day, of which 3 % fall outside the day.
    assert (profiles["number"] / 120).to_numpy().mean() == pytest.approx(1.94, abs=0.15)
    assert (profiles["number"] / 120).to_numpy().max() == pytest.approx(4.0, abs=0.6)


def test_purchases_cluster_around_noon(simulated: pl.DataFrame) -> None:
    second = simulated.select(
        (pl.col("time") - pl.col("time").dt.truncate("1d")).dt.total_seconds()
    ).to_series()

    assert second.to_numpy().mean() == pytest.approx(43_200, abs=300)
    # A normal of 20,000 s, cut at midnight on both sides.
    assert second.to_numpy().std() == pytest.approx(18_190, abs=300)


def test_customers_buy_at_the_terminals_within_their_radius() -> None:
    near = simulate(customers=50, terminals=400, days=60, radius=5)
    everywhere = simulate(customers=50, terminals=400, days=60, radius=142)

    visited = near.group_by("customer_id").agg(pl.col("terminal_id").n_unique())["terminal_id"]
    assert visited.to_numpy().max() < 12
    assert everywhere["terminal_id"].n_unique() == 400


def test_a_customer_without_a_terminal_in_reach_buys_nothing() -> None:
    assert simulate(customers=5, terminals=5, days=5, radius=0.001).height == 0
    assert 0 < simulate(terminals=100, days=5, radius=5)["customer_id"].n_unique() < 700


def test_by_default_nearly_every_customer_has_terminals(simulated: pl.DataFrame) -> None:
    assert simulated["customer_id"].n_unique() >= 990


@pytest.mark.parametrize("name", ["customers", "terminals", "days", "radius"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_size_that_is_not_above_zero_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be above 0, not {value}"):
        simulate(**{name: value})  # type: ignore[arg-type]


def test_a_radius_that_is_not_a_number_and_a_negative_seed_are_refused() -> None:
    with pytest.raises(ValueError, match="radius must be above 0, not nan"):
        simulate(radius=float("nan"))
    with pytest.raises(ValueError, match="seed must not be negative, but is -1"):
        simulate(seed=-1)
