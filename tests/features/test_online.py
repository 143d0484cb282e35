"""Online features equal offline ones, bit for bit, whatever comes in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.definitions import calendar_features, history_features
from features.offline import add_calendar, add_history
from features.online import Calendar, Plan, Transaction
from features.stores.memory import MemoryStore
from registry.model.contract import HistoryFeature

DAY = 86_400_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)
START_US = 1_767_225_600_000_000
KINDS = ("card", "shop")
FEATURES = history_features(
    KINDS, {"shop"}, ratio=["card"], since=["shop"], windows_days=(1, 3), delay_days=2
)
DELAYED_RATIO = HistoryFeature(
    name="old", entity="card", aggregate="amount_ratio", window_days=2, delay_days=1
)

Row = tuple[int, str | None, str | None, float, bool | None]

# Multiples of six hours, so that equal times and the edges of windows are frequent.
streams = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda quarter: START_US + quarter * DAY // 4),
        st.sampled_from(["c", "d", None]),
        st.sampled_from(["s", "t", None]),
        st.one_of(
            st.integers(0, 100_000).map(lambda cents: cents / 100),
            st.floats(-1e11, 1e11, allow_nan=False),
        ),
        st.sampled_from([False, True, None]),
    ),
    max_size=25,
)


def offline(rows: Sequence[Row], features: Sequence[HistoryFeature]) -> list[list[float]]:
    schema = {
        "time": pl.Int64(),
        "card": pl.String(),
        "shop": pl.String(),
        "amount": pl.Float64(),
        "fraud": pl.Boolean(),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("time").cast(pl.Datetime("us"))
    )
    added = add_history(frame, features, time="time", amount="amount", label="fraud")
    return [list(row) for row in added.select([each.name for each in features]).rows()]


def transaction(number: int, row: Row) -> Transaction:
    return Transaction(str(number), row[0], row[3], (row[1], row[2]))


def new_store(*, reach: int = 5 * DAY, lateness: int = 400 * DAY) -> MemoryStore:
    return MemoryStore(KINDS, reach=reach, lateness=lateness)


@settings(max_examples=60, deadline=None)
@given(streams)
def test_at_its_arrival_each_transaction_has_the_features_of_those_that_came_before(
    rows: list[Row],
) -> None:
    features = (*FEATURES, DELAYED_RATIO)
    plan, store = Plan(features), new_store()

    for number, row in enumerate(rows):
        arrived = transaction(number, row)
        foreseen = store.peek(arrived, plan.windows)
        answer = store.add(arrived, plan.windows)
        if row[4] is not None:
            store.label(arrived.id, fraud=row[4])

        assert foreseen == answer
        values = plan.values(arrived, answer.seen)
        assert values == offline(rows[: number + 1], features)[-1]


@settings(max_examples=100, deadline=None)
@given(streams, st.randoms(use_true_random=False))
def test_once_all_arrived_all_have_the_features_of_the_whole_table(
    rows: list[Row], random: object
) -> None:
    plan, store = Plan(FEATURES), new_store()
    for number, row in enumerate(rows):
        store.add(transaction(number, row), plan.windows)
    for number, row in enumerate(rows):
        if row[4] is not None:
            store.label(str(number), fraud=not row[4])
            store.label(str(number), fraud=row[4])

    again = [store.add(transaction(number, row), plan.windows) for number, row in enumerate(rows)]

    values = [
        plan.values(transaction(number, row), answer.seen)
        for number, (row, answer) in enumerate(zip(rows, again, strict=True))
    ]
    assert values == offline(rows, FEATURES)


@settings(max_examples=100, deadline=None)
@given(streams)
def test_forgetting_what_no_window_reaches_changes_nothing(rows: list[Row]) -> None:
    in_order = sorted(rows, key=lambda row: row[0])
    plan, store = Plan(FEATURES), new_store(lateness=0)

    values = []
    for number, row in enumerate(in_order):
        arrived = transaction(number, row)
        values.append(plan.values(arrived, store.add(arrived, plan.windows).seen))
        if row[4] is not None:
            store.label(arrived.id, fraud=row[4])

    assert values == offline(in_order, FEATURES)


def test_a_plan_asks_for_each_window_once_and_reaches_to_the_longest() -> None:
    plan = Plan(FEATURES)

    assert plan.windows == {
        "card": ((DAY, 0), (3 * DAY, 0)),
        "shop": ((3 * DAY, 2 * DAY), (5 * DAY, 2 * DAY)),
    }
    assert plan.reach == 5 * DAY
    assert Plan([]).reach == 0


def test_a_feature_made_from_labels_needs_a_delay() -> None:
    leak = HistoryFeature(name="leak", entity="shop", aggregate="risk", window_days=1)

    with pytest.raises(ValueError, match="'leak': a feature made from labels needs a delay"):
        Plan([leak])


ZONES = [None, "UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"]
times = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1))


@settings(max_examples=100, deadline=None)
@given(times, st.sampled_from(ZONES))
def test_the_calendar_is_the_offline_one(time: datetime, zone: str | None) -> None:
    features = calendar_features(["hour", "night", "weekend"], zone=zone)
    frame = add_calendar(pl.DataFrame({"time": [time]}), features, time="time")
    microseconds = (time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )

    assert Calendar(features).values(microseconds) == list(frame.row(0)[1:])


def test_the_calendar_is_that_of_the_zones_clocks() -> None:
    saturday_morning = datetime(2026, 7, 4, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    microseconds = int(saturday_morning.timestamp()) * 1_000_000

    berlin = Calendar(calendar_features(["hour", "night", "weekend"], zone="Europe/Berlin"))
    utc = Calendar(calendar_features(["hour", "night", "weekend"]))
    assert berlin.values(microseconds) == [0, 1, 1]
    assert utc.values(microseconds) == [22, 0, 0]
