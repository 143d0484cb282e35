"""Typing the time column: to UTC, and no guess where a text can be read in two ways."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import polars as pl

from training.columns import as_number, as_written, in_row, rows
from training.dataset import Dataset
from training.errors import BadInput

MIN_TIME, MAX_TIME = datetime(1980, 1, 1), datetime(2100, 1, 1)
"""Outside of these a time is a placeholder, or was read in the wrong unit or format."""

_ISO = (
    r"^(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<minute>\d\d:\d\d)"
    r"(?P<second>:\d\d)?(?P<fraction>[.,]\d{1,9})?\s?(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?)?$"
)
_COMMON_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d")
_COMMON_TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")
COMMON_FORMATS = tuple(date + time for date in _COMMON_DATES for time in _COMMON_TIMES)
_SCALES = {"s": 1_000_000, "ms": 1_000}


def as_time(column: pl.Series, dataset: Dataset) -> pl.Series:
    """The column as Datetime("us"): in UTC, or naive where neither it nor `zone` says what that is.

    Raises BadInput for a missing time, and for text other than ISO 8601 without a `format`.
    """
    name = f"column {column.name!r} (the time)"
    time = dataset.time
    if time.unit and time.origin:
        moment = _since_origin(column, dataset)
    elif time.format and column.dtype in (pl.Date, pl.Datetime):
        raise BadInput(f"{name} contains times already: remove `format`")
    elif time.format:
        moment = _formatted(as_written(column, dataset.missing), time.format)
    elif column.dtype in (pl.String, pl.Categorical, pl.Enum):
        moment = as_iso_8601(as_written(column, dataset.missing))
    elif column.dtype in (pl.Date, pl.Datetime):
        moment = column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None)))
    else:
        raise BadInput(
            f"{name} is of type {column.dtype}: set `unit` and `origin` if it counts seconds or "
            "milliseconds, or else `format`"
        )
    if moment.null_count():
        raise BadInput(f"{name} has no value in {rows(moment.is_null())}: remove the rows")
    utc = _in_utc(moment, time.zone).alias(column.name)
    naive = utc.dt.replace_time_zone(None)
    if (outside := ~naive.is_between(MIN_TIME, MAX_TIME)).any():
        raise BadInput(
            f"{in_row(column, outside)} would be in the year {naive.filter(outside).dt.year()[0]}, "
            "before 1980 or after 2100: check `unit`, `origin` and `format`, or remove the row"
        )
    return utc


def check_span(times: pl.Series, dataset: Dataset) -> None:
    """Raises BadInput for the naive times of all files that span nothing, or seconds as `ms`."""
    low, high = cast(datetime, times.min()), cast(datetime, times.max())
    name = f"column {times.name!r} (the time)"
    if low == high:
        raise BadInput(f"{name} has the same value in every row")
    if dataset.time.unit == "ms" and high - low < timedelta(days=1):
        raise BadInput(
            f"{name} spans only {(high - low).total_seconds():,.0f} s with `unit: ms`: set "
            "`unit: s`, or write the times as timestamps if that is right"
        )


def _since_origin(column: pl.Series, dataset: Dataset) -> pl.Series:
    time = dataset.time
    assert time.unit is not None and time.origin is not None  # noqa: S101, PT018
    if column.dtype.is_temporal():
        raise BadInput(
            f"column {column.name!r} (the time) is of type {column.dtype}, not a number: remove "
            "`unit` and `origin`"
        )
    number = as_number(column, dataset.missing, dataset.decimal)
    if (wide := (number.abs() * _SCALES[time.unit] > 2**62)).any():
        raise BadInput(f"{in_row(column, wide)} is too many {time.unit}: check `unit`")
    micros = (number * _SCALES[time.unit]).round().cast(pl.Int64)
    origin = datetime(time.origin.year, time.origin.month, time.origin.day)
    return (micros.cast(pl.Duration("us")) + origin).dt.replace_time_zone("UTC")


def as_iso_8601(text: pl.Series) -> pl.Series:
    """Text as Datetime, aware if it has offsets. Raises BadInput, naming the formats that fit."""
    for usual in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"):  # the fast way
        if (moment := _parse(text, usual)).null_count() == text.null_count():
            return moment
    parts = text.to_frame("text").select(pl.col("text").str.extract_groups(_ISO)).unnest("text")
    is_iso = parts["date"].is_not_null()
    if (other := text.is_not_null() & ~is_iso).any():
        raise BadInput(f"{in_row(text, other)} is not ISO 8601: {_format_hint(text)}")
    has_offset = parts["offset"].is_not_null()
    if has_offset.any() and (without := is_iso & ~has_offset).any():
        raise BadInput(f"{in_row(text, without)} has no offset from UTC, but other rows have one")
    offset = parts["offset"].replace("Z", "+00:00") if has_offset.any() else None
    joined = parts.select(
        pl.col("date")
        + "T"
        + pl.col("minute").fill_null("00:00")
        + pl.col("second").fill_null(":00")
        + pl.col("fraction").fill_null("").str.replace(",", ".", literal=True)
        + ("" if offset is None else offset)
    ).to_series()
    moment = _parse(joined, "%Y-%m-%dT%H:%M:%S%.f" + ("" if offset is None else "%#z"))
    if (wrong := moment.is_null() & is_iso).any():
        raise BadInput(f"{in_row(text, wrong)} is not a time of the calendar: correct the row")
    return moment


def _format_hint(text: pl.Series) -> str:
    """What to set `format` to: the formats by which the whole column can be read."""
    if not (fitting := fitting_formats(text)):
        return "set `format` in `time` to how it is written, such as `'%d/%m/%Y %H:%M:%S'`"
    choices = " or ".join(f"`format: '{each}'`" for each in fitting)
    return f"set {choices} in `time`"


def fitting_formats(text: pl.Series) -> list[str]:
    """The common formats by which every text is a time of 1980 to 2100."""
    present = text.drop_nulls()
    likely = [each for each in COMMON_FORMATS if _fits(present.head(100), each)]
    return [each for each in likely if _fits(present, each)]


def _fits(text: pl.Series, format_: str) -> bool:
    moment = _parse(text, format_)
    return len(text) > 0 and bool(moment.is_between(MIN_TIME, MAX_TIME).fill_null(False).all())


def _parse(text: pl.Series, format_: str) -> pl.Series:
    has_offset = any(part in format_ for part in ("%z", "%:z", "%#z"))
    zone = "UTC" if has_offset else None
    return text.str.to_datetime(format_, time_unit="us", time_zone=zone, strict=False)


def _formatted(text: pl.Series, format_: str) -> pl.Series:
    try:
        moment = _parse(text, format_)
    except pl.exceptions.PolarsError as error:
        reason = (str(error).splitlines() or [""])[0]
        raise BadInput(f"`format: {format_!r}` of the time is not valid: {reason}") from error
    if (wrong := moment.is_null() & text.is_not_null()).any():
        raise BadInput(f"{in_row(text, wrong)} is not a time that `format: {format_!r}` can read")
    return moment


def _in_utc(moment: pl.Series, zone: str | None) -> pl.Series:
    """Naive times stay without a zone; of an hour that occurs twice, it is the first."""
    if getattr(moment.dtype, "time_zone", None) is not None:
        return moment.dt.convert_time_zone("UTC")
    if zone is None:
        return moment
    local = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if local.null_count():
        raise BadInput(
            f"{in_row(moment, local.is_null())} does not exist in {zone}, where the clocks are put "
            "forward then: correct the row or `zone`"
        )
    return local.dt.convert_time_zone("UTC")
