"""The time column: one reading or none, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.keys import dataset
from training.errors import BadInput
from training.times import COMMON_FORMATS, as_time, check_span

JAN_1 = datetime(2026, 1, 1)
EPOCH = date(1970, 1, 1)


def times(values: list[Any] | pl.Series, **keys: Any) -> list[datetime]:
    column = pl.Series("t", values)
    read = as_time(column, dataset(time={"column": "t", **keys}))
    return read.dt.replace_time_zone(None).to_list()


def span(values: list[Any], **keys: Any) -> None:
    check_span(pl.Series("t", times(values, **keys)), dataset(time={"column": "t", **keys}))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-01", JAN_1),
        ("2026-01-01T00:00", JAN_1),
        ("2026-01-01 00:00:00", JAN_1),
        ("2026-01-01 00:00:00.000000", JAN_1),
        ("2026-01-01 00:00:00,250", datetime(2026, 1, 1, 0, 0, 0, 250_000)),
        ("2026-01-01T02:00:00+02:00", JAN_1),
        ("2026-01-01 02:00+0200", JAN_1),
        ("2025-12-31 19:00:00.0-05", JAN_1),
        ("2026-01-01T00:00:00Z", JAN_1),
        ("2026-01-01 00:00:00 +00:00", JAN_1),
    ],
)
def test_iso_8601_is_read_in_all_its_spellings(text: str, time: datetime) -> None:
    assert times([text]) == [time]


def test_dates_and_times_may_be_mixed() -> None:
    assert times(["2026-01-01", "2026-01-02 10:30"]) == [JAN_1, datetime(2026, 1, 2, 10, 30)]


@given(st.lists(st.datetimes(datetime(1980, 1, 1), datetime(2099, 12, 31)), min_size=1))
def test_every_time_is_read_back_from_its_iso_text(moments: list[datetime]) -> None:
    assert times([moment.isoformat() for moment in moments]) == moments
    assert times([moment.isoformat(" ") for moment in moments]) == moments
    offsets = [moment.replace(tzinfo=UTC).isoformat() for moment in moments]
    assert times(offsets) == moments


@pytest.mark.parametrize(
    ("text", "format_", "time"),
    [
        ("02/03/2026", "%d/%m/%Y", datetime(2026, 3, 2)),
        ("02/03/2026", "%m/%d/%Y", datetime(2026, 2, 3)),
        ("12/31/2019", "%m/%d/%Y", datetime(2019, 12, 31)),
        ("31.12.2019 23:59", "%d.%m.%Y %H:%M", datetime(2019, 12, 31, 23, 59)),
        ("20260302", "%Y%m%d", datetime(2026, 3, 2)),
        ("01/01/2026 02:00 +0200", "%d/%m/%Y %H:%M %z", JAN_1),
    ],
)
def test_a_format_says_how_a_text_is_read(text: str, format_: str, time: datetime) -> None:
    assert times([text], format=format_) == [time]


def test_times_need_no_format() -> None:
    with pytest.raises(BadInput, match=r"\(the time\) contains times already: remove `format`"):
        times([datetime(2026, 3, 2)], format="%Y%m%d")


def test_a_format_reads_whole_numbers_too() -> None:
    assert times([20260302, 20260303], format="%Y%m%d") == [
        datetime(2026, 3, 2),
        datetime(2026, 3, 3),
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["02/03/2026", "03/04/2026"],
            "'02/03/2026' in row 1 is not ISO 8601: set `format: '%d/%m/%Y'` or "
            "`format: '%m/%d/%Y'` in `time`",
        ),
        (
            ["02/03/2026", "12/31/2019"],
            "'02/03/2026' in row 1 is not ISO 8601: set `format: '%m/%d/%Y'` in `time`",
        ),
        (
            ["31/12/2019", "12/31/2019"],
            "'31/12/2019' in row 1 is not ISO 8601: set `format` in `time` to how it is written, "
            "such as `'%d/%m/%Y %H:%M:%S'`",
        ),
        (
            ["2026-01-01", "02/03/2026"],
            "'02/03/2026' in row 2 is not ISO 8601: set `format` in `time` to how it is written, "
            "such as `'%d/%m/%Y %H:%M:%S'`",
        ),
        (
            ["2026-01-01", "2026-02-30"],
            "'2026-02-30' in row 2 is not a time of the calendar: correct the row",
        ),
        (
            ["2026-01-01T00:00Z", "2026-01-01T00:00"],
            "'2026-01-01T00:00' in row 2 has no offset from UTC, but other rows have one",
        ),
        (
            ["1970-01-01", "2026-01-01"],
            "'1970-01-01' in row 1 would be in the year 1970, before 1980 or after 2100: check "
            "`unit`, `origin` and `format`, or remove the row",
        ),
        (
            ["2026-01-01", "9999-12-31"],
            "'9999-12-31' in row 2 would be in the year 9999, before 1980 or after 2100: check "
            "`unit`, `origin` and `format`, or remove the row",
        ),
    ],
)
def test_what_has_no_or_two_readings_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        times(texts)

    assert str(caught.value) == f"column 't': {message}"


def test_one_row_that_the_format_does_not_fit_is_named() -> None:
    with pytest.raises(BadInput, match=r"'12/31/2019' in row 2 is not a time that `format: '%d/%m"):
        times(["31/12/2019", "12/31/2019"], format="%d/%m/%Y")


@pytest.mark.parametrize("format_", ["%d/%m/%Y %H", "%Q"])
def test_a_format_that_reads_nothing_is_refused(format_: str) -> None:
    with pytest.raises(BadInput, match="format"):
        times(["02/03/2026 10"], format=format_)


@given(
    st.sampled_from(COMMON_FORMATS),
    st.datetimes(datetime(1980, 1, 1), datetime(2099, 12, 31)),
)
def test_a_suggested_format_reads_what_it_writes(format_: str, moment: datetime) -> None:
    [read] = times([moment.strftime(format_)], format=format_)

    assert read.strftime(format_) == moment.strftime(format_)


@pytest.mark.parametrize("values", [[0, 172_792], [0.0, 86_399_999.0], ["0", "60"]])
def test_seconds_that_are_called_milliseconds_are_refused(values: list[Any]) -> None:
    with pytest.raises(BadInput, match="with `unit: ms`: set `unit: s`, or write the times as"):
        span(values, unit="ms", origin=date(2013, 9, 1))


def test_a_span_of_a_day_of_milliseconds_and_of_a_minute_of_seconds_are_right() -> None:
    span([0, 86_400_000], unit="ms", origin=date(2013, 9, 1))
    span([0, 60], unit="s", origin=date(2013, 9, 1))


@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 1000)])
def test_numbers_since_an_origin_are_utc_in_any_zone(unit: str, scale: int) -> None:
    noon = [1_782_907_200 * scale, 1_782_993_600 * scale]

    read = times(noon, unit=unit, origin=EPOCH, zone="America/New_York")

    assert read == [datetime(2026, 7, 1, 12), datetime(2026, 7, 2, 12)]


def test_years_of_seconds_that_are_called_milliseconds_are_refused_too() -> None:
    year = 365 * 86_400
    with pytest.raises(BadInput, match="1600000000 in row 1 would be in the year 1970, before"):
        times([1_600_000_000 + year * each for each in range(5)], unit="ms", origin=EPOCH)


def test_milliseconds_that_are_called_seconds_are_refused() -> None:
    with pytest.raises(BadInput, match="in row 1 would be in the year 55840, before 1980 or after"):
        times([1_700_000_000_000, 1_700_000_100_000], unit="s", origin=EPOCH)


def test_a_number_beyond_all_years_is_refused() -> None:
    with pytest.raises(BadInput, match="in row 2 is too many s: check `unit`"):
        times([1.0, 1e20], unit="s", origin=EPOCH)


def test_naive_times_are_of_the_zone_and_become_utc() -> None:
    winter, summer = datetime(2026, 1, 1, 12), datetime(2026, 7, 1, 12)

    assert times([winter, summer], zone="Europe/Berlin") == [
        winter - timedelta(hours=1),
        summer - timedelta(hours=2),
    ]
    assert times(["2026-07-01 12:00"], zone="Europe/Berlin") == [summer - timedelta(hours=2)]


def test_times_that_have_an_offset_keep_their_moment_in_any_zone() -> None:
    aware = pl.Series([datetime(2026, 7, 1, 12)]).dt.replace_time_zone("America/New_York")

    assert times(aware, zone="Europe/Berlin") == [datetime(2026, 7, 1, 16)]
    assert times(["2026-07-01T12:00-04:00"], zone="Asia/Tokyo") == [datetime(2026, 7, 1, 16)]


def test_an_hour_that_occurs_twice_is_the_first_and_one_that_never_does_is_refused() -> None:
    assert times([datetime(2026, 10, 25, 2, 30)], zone="Europe/Berlin") == [
        datetime(2026, 10, 25, 0, 30)
    ]
    with pytest.raises(BadInput, match=r"2026, 3, 29, 2, 30\) in row 1 does not exist in Europe/B"):
        times([datetime(2026, 3, 29, 2, 30)], zone="Europe/Berlin")
