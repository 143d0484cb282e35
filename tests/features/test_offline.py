"""History features compared with hand-made windows, a naive count and the published values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.definitions import calendar_features, history_features
from features.offline import add_calendar, add_history
from registry.model.contract import HistoryFeature
from tests.places import shared_data
from training.dataset import read_dataset

BOOK_NAMES = {"count": "NB_TX", "mean_amount": "AVG_AMOUNT", "risk": "RISK"}
DELAY_DAYS = 2
FEATURES = history_features(
    ["card", "shop"],
    {"shop"},
    ratio=["card"],
    since=["shop"],
    windows_days=(1, 3),
    delay_days=DELAY_DAYS,
)
START = datetime(2026, 1, 1)

Row = tuple[datetime, str | None, str | None, float, int | None]


def frame_of(rows: Sequence[Row]) -> pl.DataFrame:
    schema = pl.Schema(
        {
            "when": pl.Datetime("us"),
            "card": pl.String(),
            "shop": pl.String(),
            "eur": pl.Float64(),
            "fraud": pl.Int8(),
        }
    )
    return pl.DataFrame(rows, schema=schema, orient="row")


def with_history(
    frame: pl.DataFrame, features: Sequence[HistoryFeature] = FEATURES
) -> pl.DataFrame:
    return add_history(frame, features, time="when", amount="eur", label="fraud")


def at(days: float, *, eur: float = 10.0, fraud: int | None = 0, shop: str | None = "s") -> Row:
    return (START + timedelta(days=days), "c", shop, eur, fraud)


def column(frame: pl.DataFrame, name: str) -> list[float]:
    values: list[float] = with_history(frame)[name].to_list()
    return values


def test_a_risk_without_a_delay_is_refused() -> None:
    leak = HistoryFeature(name="leak", entity="shop", aggregate="risk", window_days=1)

    with pytest.raises(ValueError, match="'leak': a feature made from labels needs a delay"):
        with_history(frame_of([at(0)]), [leak])


def test_without_a_delay_the_window_holds_the_transaction_and_excludes_its_start() -> None:
    frame = frame_of([at(0, eur=10), at(0.5, eur=20), at(1, eur=60)])

    assert column(frame, "card_count_1d") == [1, 2, 2]
    assert column(frame, "card_mean_amount_1d") == [10, 15, 40]
    assert column(frame, "card_mean_amount_3d") == [10, 15, 30]


def test_with_a_delay_the_window_ends_at_exactly_the_delay_and_holds_that_moment() -> None:
    frame = frame_of([at(0, fraud=1), at(1), at(1.999), at(2), at(3), at(5)])

    assert column(frame, "shop_count_1d") == [0, 0, 0, 1, 1, 1]
    assert column(frame, "shop_risk_1d") == [0, 0, 0, 1, 0, 0]
    assert column(frame, "shop_count_3d") == [0, 0, 0, 1, 2, 4]
    assert column(frame, "shop_risk_3d") == [0, 0, 0, 1, 0.5, 0]


def test_a_ratio_is_of_the_amount_to_the_mean_of_the_others_in_the_window() -> None:
    frame = frame_of([at(0, eur=10), at(0.5, eur=20), at(1, eur=60), at(9, eur=5)])

    assert column(frame, "card_amount_ratio_1d") == [1, 2, 3, 1]
    assert column(frame, "card_amount_ratio_3d") == [1, 2, 4, 1]


def test_a_ratio_to_nothing_or_to_refunds_is_one_and_no_ratio_is_beyond_a_thousand() -> None:
    frame = frame_of([at(0, eur=0), at(0.1, eur=7), at(5, eur=-3), at(5.1, eur=7)])
    expensive = frame_of([at(0, eur=0.01), at(0.1, eur=7000)])

    assert column(frame, "card_amount_ratio_1d") == [1, 1, 1, 1]
    assert column(expensive, "card_amount_ratio_1d") == [1, 1000]


def test_a_mean_does_not_depend_on_what_came_before_its_window() -> None:
    rows = [at(0, eur=1e11), at(9, eur=0.1), at(9.1, eur=0.2), at(9.2, eur=0.3)]

    assert column(frame_of(rows), "card_mean_amount_1d")[1:] == [0.1, 0.15, 0.2]
    assert column(frame_of(rows[1:]), "card_mean_amount_1d") == [0.1, 0.15, 0.2]


def test_amounts_that_cannot_be_added_up_are_refused() -> None:
    frame = frame_of([at(0, eur=1e11)]).select(pl.all().repeat_by(5_000).explode())

    with pytest.raises(ValueError, match=r"amounts of one entity add up to more than 4\.6e\+14"):
        with_history(frame)


def test_days_since_look_only_at_what_is_known_and_within_the_window() -> None:
    frame = frame_of([at(0, fraud=1), at(1), at(2), at(2.5), at(3), at(4.5), at(7)])

    assert column(frame, "shop_days_since_fraud_3d") == [5, 5, 2, 2.5, 3, 4.5, 5]
    assert column(frame, "shop_days_since_genuine_3d") == [5, 5, 5, 5, 2, 2, 2.5]


def test_the_calendar_is_that_of_the_times_as_they_stand() -> None:
    times = [datetime(2026, 1, 2, 6, 59), datetime(2026, 1, 3, 7), datetime(2026, 1, 5)]
    frame = pl.DataFrame({"when": times})

    result = add_calendar(frame, calendar_features(["hour", "night", "weekend"]), time="when")

    assert result["hour"].to_list() == [6, 7, 0]
    assert result["night"].to_list() == [1, 0, 1]
    assert result["weekend"].to_list() == [0, 1, 0]
    assert set(result.dtypes[1:]) == {pl.Float64}


def test_the_calendar_of_a_zone_is_that_of_its_clocks() -> None:
    times = [datetime(2026, 3, 29, 0, 59), datetime(2026, 3, 29, 1), datetime(2026, 7, 3, 22)]
    features = calendar_features(["hour", "night", "weekend"], zone="Europe/Berlin")

    result = add_calendar(pl.DataFrame({"when": times}), features, time="when")

    assert result["when"].to_list() == times
    assert result["hour"].to_list() == [1, 3, 0]
    assert result["night"].to_list() == [1, 1, 1]
    assert result["weekend"].to_list() == [1, 1, 1]


def test_an_entity_that_is_nan_is_no_entity() -> None:
    frame = frame_of([at(0), at(0.1), at(0.2)]).with_columns(card=pl.lit(float("nan")))

    assert column(frame, "card_count_1d") == [0, 0, 0]


def test_of_rows_with_the_same_time_only_those_above_count() -> None:
    frame = frame_of([at(0, eur=10), at(0, eur=30), at(0, eur=80)])

    assert column(frame, "card_count_1d") == [1, 2, 3]
    assert column(frame, "card_mean_amount_1d") == [10, 20, 40]


def test_rows_with_the_same_time_keep_their_order_in_a_large_frame_too() -> None:
    frame = pl.DataFrame({"place": range(100_000)}).select(
        (pl.lit(START) + pl.duration(hours=pl.col("place") % 7)).alias("when"), card=pl.lit("c")
    )
    counts = [each for each in FEATURES if each.name == "card_count_1d"]

    at_midnight = with_history(frame, counts).filter(pl.col("when") == START)
    assert at_midnight["card_count_1d"].to_list() == list(range(1, 14_287))


def test_all_rows_of_the_moment_at_which_a_delayed_window_ends_count() -> None:
    frame = frame_of([at(0, fraud=1), at(0), at(2), at(2)])

    assert column(frame, "shop_count_1d") == [0, 0, 2, 2]
    assert column(frame, "shop_risk_1d") == [0, 0, 0.5, 0.5]


def test_unsorted_rows_keep_their_order_and_columns() -> None:
    frame = frame_of([at(1, eur=60), at(0, eur=10), at(0.5, eur=20)])

    result = with_history(frame)

    assert_frame_equal(result.select(frame.columns), frame)
    assert result["card_mean_amount_1d"].to_list() == [40, 10, 15]
    assert result.columns[5:] == [each.name for each in FEATURES]
    assert set(result.dtypes[5:]) == {pl.Float64}
    assert frame.columns == ["when", "card", "shop", "eur", "fraud"]


def test_entities_do_not_share_a_history_and_null_has_none() -> None:
    frame = frame_of(
        [
            at(0, shop="a", fraud=1),
            at(0, shop=None, fraud=1),
            at(2, shop="a"),
            at(2, shop="b"),
            at(2, shop=None),
        ]
    )

    assert column(frame, "shop_count_1d") == [0, 0, 1, 0, 0]
    assert column(frame, "shop_risk_1d") == [0, 0, 1, 0, 0]
    assert column(frame, "shop_days_since_fraud_3d") == [5, 5, 2, 5, 5]
    assert column(frame, "card_count_3d") == [1, 2, 3, 4, 5]


def test_how_many_rows_are_computed_at_a_time_changes_no_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[Row] = [
        (START + timedelta(hours=7 * number), f"c{number % 7}", f"s{number % 3}", number / 3, 0)
        for number in range(60)
    ]
    at_once = with_history(frame_of(rows))
    monkeypatch.setattr("features.offline._PART_ROWS", 10)
    assert with_history(frame_of(rows)).equals(at_once)


def test_a_label_that_is_not_known_counts_as_no_fraud() -> None:
    frame = frame_of([at(0, fraud=1), at(0, fraud=None), at(2)])

    assert column(frame, "shop_count_1d") == [0, 0, 2]
    assert column(frame, "shop_risk_1d") == [0, 0, 0.5]


def test_label_and_amount_are_needed_only_by_the_features_that_read_them() -> None:
    frame = frame_of([at(0), at(2)]).drop("eur", "fraud")
    counts = [each for each in FEATURES if each.aggregate == "count"]

    assert with_history(frame, counts)["shop_count_1d"].to_list() == [0, 1]


def test_no_features_and_no_rows_are_fine() -> None:
    frame = frame_of([at(0)])

    assert_frame_equal(with_history(frame, []), frame)
    assert with_history(frame.clear()).shape == (0, 5 + len(FEATURES))


@pytest.mark.parametrize(
    "key", [pl.String, pl.Categorical, pl.Enum(["a", "b"])], ids=["string", "categorical", "enum"]
)
def test_any_kind_of_key_is_an_entity(key: pl.DataType) -> None:
    frame = frame_of([at(0, shop="a"), at(2, shop="b"), at(2, shop="a")])

    assert column(frame.with_columns(pl.col("shop").cast(key)), "shop_count_1d") == [0, 0, 1]


def test_nanoseconds_are_not_rounded_at_the_windows_edge() -> None:
    day = 86_400 * 10**9
    frame = pl.DataFrame({"when": [1, 2 * day, 2 * day + 1], "shop": ["s"] * 3}).with_columns(
        pl.col("when").cast(pl.Datetime("ns"))
    )
    counts = [each for each in FEATURES if each.name == "shop_count_1d"]

    assert with_history(frame, counts)["shop_count_1d"].to_list() == [0, 0, 1]


def test_a_day_is_24_hours_where_the_clocks_change() -> None:
    # Clocks in Paris go forward on 2026-03-29; 47 hours lie between these two, not 48.
    times = [datetime(2026, 3, 28), datetime(2026, 3, 30)]
    frame = frame_of([at(0), at(2)]).with_columns(
        pl.Series("when", times).dt.replace_time_zone("Europe/Paris")
    )

    assert column(frame, "shop_count_1d") == [0, 0]
    assert column(frame, "card_count_3d") == [1, 2]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (pl.col("when").cast(pl.Date), "'when' must be a Datetime, but is Date"),
        (pl.lit(None, pl.Datetime("us")).alias("when"), "'when' contains nulls"),
        (pl.lit(float("nan")).alias("eur"), "'eur' must contain finite numbers"),
        (pl.lit(None, pl.Float64).alias("eur"), "'eur' must contain finite numbers"),
        (pl.lit("ten").alias("eur"), "'eur' must contain finite numbers"),
        (pl.lit(0.5).alias("fraud"), "'fraud' must contain 1 or true"),
        (pl.lit("no").alias("fraud"), "'fraud' must contain 1 or true"),
        (pl.lit(1).alias("card_count_1d"), r"\['card_count_1d'\] already exist"),
    ],
)
def test_an_unusable_column_is_named(broken: pl.Expr, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_history(frame_of([at(0)]).with_columns(broken))


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match=r"no column \['card', 'fraud'\]"):
        with_history(frame_of([at(0)]).drop("card", "fraud"))


# Multiples of six hours, so that equal times and the edges of windows are frequent.
rows_in_any_order = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda quarter: START + timedelta(hours=6 * quarter)),
        st.sampled_from(["c", "d", None]),
        st.sampled_from(["s", "t", None]),
        st.integers(0, 100_000).map(lambda cents: cents / 100),
        st.sampled_from([0, 1, None]),
    ),
    max_size=25,
)


def naive(rows: Sequence[Row], place: int, feature: HistoryFeature) -> float:
    """The definition taken literally, one row at a time."""
    key = 1 if feature.entity == "card" else 2
    now, entity = rows[place][0], rows[place][key]
    end = now - timedelta(days=feature.delay_days)
    window = [
        (row[0], other, row)
        for other, row in enumerate(rows)
        if row[key] == entity is not None
        and end - timedelta(days=feature.window_days) < row[0] <= end
        and (row[0] < now or other <= place)
    ]
    seen = [row for _, _, row in sorted(window, key=lambda entry: entry[:2])]
    if feature.aggregate == "count":
        return float(len(seen))
    if feature.aggregate == "amount_ratio":
        others = [row[3] for row in seen[:-1]]
        mean = sum(others) / len(others) if others else 0
        return min(rows[place][3] / mean, 1000) if mean > 0 else 1.0
    if feature.aggregate in ("days_since_fraud", "days_since_genuine"):
        label = 1 if feature.aggregate == "days_since_fraud" else 0
        times = [row[0] for row in seen if (row[4] or 0) == label]
        max_days = float(feature.delay_days + feature.window_days)
        return (now - times[-1]) / timedelta(days=1) if times else max_days
    values = [row[3] if feature.aggregate == "mean_amount" else row[4] or 0 for row in seen]
    return sum(values) / len(values) if values else 0.0


@settings(max_examples=150, deadline=None)
@given(rows_in_any_order)
def test_every_value_is_the_naive_one(rows: list[Row]) -> None:
    result = with_history(frame_of(rows))

    for feature in FEATURES:
        expected = [naive(rows, place, feature) for place in range(len(rows))]
        assert result[feature.name].to_list() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(rows_in_any_order, rows_in_any_order, st.integers(0, 40), st.data())
def test_nothing_later_and_no_label_inside_the_delay_changes_a_feature(
    rows: list[Row], others: list[Row], quarter: int, data: st.DataObject
) -> None:
    now = START + timedelta(hours=6 * quarter)
    past = [row for row in rows if row[0] <= now]
    future = [row for row in others if row[0] > now]
    unknown_since = now - timedelta(days=DELAY_DAYS)
    relabelled: list[Row] = [
        (*row[:4], 1 - (row[4] or 0)) if row[0] > unknown_since else row for row in past
    ]
    places = data.draw(st.permutations(range(len(past) + len(future))))
    kept = sorted(places[: len(past)])
    mixed: list[Row] = [at(0)] * len(places)
    for place, row in zip(kept, relabelled, strict=True):
        mixed[place] = row
    for place, row in zip(sorted(places[len(past) :]), future, strict=True):
        mixed[place] = row
    names = [feature.name for feature in FEATURES]

    # Exactly: not even the last bit of a mean may depend on the future.
    assert_frame_equal(
        with_history(frame_of(mixed))[kept].select(names),
        with_history(frame_of(past)).select(names),
        check_exact=True,
    )


@settings(max_examples=100, deadline=None)
@given(rows_in_any_order, rows_in_any_order, rows_in_any_order, st.integers(8, 40))
def test_no_row_at_all_inside_the_delay_changes_a_feature_that_is_delayed(
    rows: list[Row], some_rows: list[Row], other_rows: list[Row], quarter: int
) -> None:
    now = START + timedelta(hours=6 * quarter)
    known_until = now - timedelta(days=DELAY_DAYS)
    known = [row for row in rows if row[0] <= known_until]
    target: Row = (now, "c", "s", 12.5, 1)
    delayed = [feature for feature in FEATURES if feature.delay_days]

    first, second = (
        with_history(
            frame_of([target, *known, *(row for row in later if row[0] > known_until)]), delayed
        )
        for later in (some_rows, other_rows)
    )

    names = [feature.name for feature in delayed]
    assert len(names) == 6
    assert_frame_equal(first[:1].select(names), second[:1].select(names), check_exact=True)


def test_the_books_fifteen_published_features_come_out_of_the_handbook_file() -> None:
    dataset = read_dataset("handbook")
    published = pl.read_parquet(shared_data("handbook_features_sample.parquet"))
    transactions = pl.read_parquet(shared_data("handbook_transactions.parquet"))

    calendar = add_calendar(transactions, dataset.calendar_features, time="TX_DATETIME")
    computed = add_history(
        calendar, dataset.history, time="TX_DATETIME", amount="TX_AMOUNT", label="TX_FRAUD"
    )

    both = published.join(computed, on="TRANSACTION_ID", validate="1:1", suffix=" of ours")
    assert both.height == 60_000
    names = {"night": "TX_DURING_NIGHT", "weekend": "TX_DURING_WEEKEND"}
    for each in dataset.history:
        names[each.name] = (
            f"{each.entity}_{BOOK_NAMES[each.aggregate]}_{each.window_days}DAY_WINDOW"
        )
    assert dataset.inputs == ("TX_AMOUNT", *names)
    assert len(dataset.inputs) == 15
    assert both["TX_AMOUNT"].to_list() == both["TX_AMOUNT of ours"].to_list()
    for ours, theirs in names.items():
        difference = (both[ours] - both[theirs]).abs().to_numpy().max()
        # The book adds up amounts in another order; all others are bit-identical.
        assert difference <= (1e-9 if "mean_amount" in ours else 0), ours
