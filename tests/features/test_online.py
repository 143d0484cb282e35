"""Online features equal offline ones, bit for bit, whatever comes in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.definitions import calendar_features
from features.offline import add_calendar
from features.online import Calendar, Plan
from features.stores.memory import MemoryStore
from registry.model.contract import HistoryFeature
from tests.features.streams import (
    DAY,
    FEATURES,
    KINDS,
    Row,
    check_arrivals,
    check_forgetting,
    check_whole,
    streams,
)


def new_store(*, reach: int = 5 * DAY, lateness: int = 400 * DAY) -> MemoryStore:
    return MemoryStore(KINDS, reach=reach, lateness=lateness)


@settings(max_examples=60, deadline=None)
@given(streams)
def test_at_its_arrival_each_transaction_has_the_features_of_those_that_came_before(
    rows: list[Row],
) -> None:
    check_arrivals(rows, new_store())


@settings(max_examples=100, deadline=None)
@given(streams)
def test_once_all_arrived_all_have_the_features_of_the_whole_table(rows: list[Row]) -> None:
    check_whole(rows, new_store())


@settings(max_examples=100, deadline=None)
@given(streams)
def test_forgetting_what_no_window_reaches_changes_nothing(rows: list[Row]) -> None:
    check_forgetting(rows, new_store(lateness=0))


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
