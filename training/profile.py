"""What a column of unknown data contains: numbers, times or text, how many values, and which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

import polars as pl

from registry.errors import on_one_line
from registry.model.canonical import canonical_text
from training.columns import as_number, as_written
from training.dataset import MISSING
from training.errors import BadInput
from training.times import MAX_TIME, MIN_TIME, as_iso_8601, fitting_formats

MAX_SHOWN = 5
_SAMPLE = 100
_MAX_SHOWN_LENGTH = 30
_EPOCH = datetime(1970, 1, 1)
_MIN_SECONDS = (MIN_TIME - _EPOCH).total_seconds()
_MAX_SECONDS = (MAX_TIME - _EPOCH).total_seconds()

Kind = Literal["number", "time", "text", "unusable"]


@dataclass(frozen=True)
class Profile:
    """The facts about one column of `rows` rows.

    `counts` holds the most frequent values with their number of rows. `readings` are the ways to
    read it as a time: the keys of `time` in a data-set file.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    counts: Mapping[str, int] = field(default_factory=dict)
    low: object = None
    high: object = None
    has_decimal_comma: bool = False
    is_whole: bool = False
    readings: tuple[Mapping[str, str], ...] = ()

    def __str__(self) -> str:
        """The values of few, the range of many."""
        if self.kind == "unusable":
            return "lists, structs or bytes"
        if self.kind == "time" or (self.kind == "number" and self.distinct > MAX_SHOWN):
            return f"{_shown(self.low)} to {_shown(self.high)}"
        values = ", ".join(f"{_shown(value)} ({n:,})" for value, n in self.counts.items())
        return f"{values}, …" if self.distinct > len(self.counts) else values


def _shown(value: object) -> str:
    text = f"{value:,.15g}" if isinstance(value, float) else on_one_line(str(value))
    return text if len(text) <= _MAX_SHOWN_LENGTH else f"{text[:_MAX_SHOWN_LENGTH]}…"


def profile(column: pl.Series) -> Profile:
    """Look at all values of a column."""
    if column.dtype in (pl.Date, pl.Datetime):
        return _profile(column, "time", readings=({},))
    if column.dtype == pl.Time:
        return _profile(column.cast(pl.String), "text")
    try:
        # A float need not be writable as one text: an amount of 1e9 in 32 bits is not.
        written = column if column.dtype.is_float() else as_written(column, MISSING)
    except (BadInput, pl.exceptions.InvalidOperationError):  # the latter for a duration
        return Profile(column.name, "unusable", len(column), column.null_count(), 0)
    if not column.dtype.is_float() and (readings := _readings(written)):
        return _profile(written, "time", readings=readings)
    for decimal in (".", ",") if column.dtype != pl.Boolean else ():
        try:
            number = as_number(column, MISSING, decimal)
        except BadInput:
            continue
        if number.null_count() < len(number):
            # Text of numbers may be identifiers: then 007 and 7 are two values.
            values = number if column.dtype.is_numeric() else written
            return _profile(
                values, "number", **_of_number(number), has_decimal_comma=decimal == ","
            )
    return _profile(written, "unusable" if column.dtype.is_float() else "text")


def _of_number(number: pl.Series) -> dict[str, Any]:
    low, high = cast(float, number.min()), cast(float, number.max())
    readings = [
        {"unit": unit, "origin": "1970-01-01"}
        for unit, scale in (("s", 1), ("ms", 1000))
        if _MIN_SECONDS * scale <= low < high <= _MAX_SECONDS * scale
    ]
    is_whole = bool((number.drop_nulls() % 1 == 0).all())
    return {"low": low, "high": high, "readings": tuple(readings), "is_whole": is_whole}


def _profile(values: pl.Series, kind: Kind, **facts: Any) -> Profile:
    present = values.drop_nulls().rename("value")
    counts = present.value_counts()
    first = counts.top_k(MAX_SHOWN, by=["count", "value"], reverse=[False, True])
    return Profile(
        name=values.name,
        kind=kind,
        rows=len(values),
        missing=values.null_count(),
        distinct=len(counts),
        counts={_in_words(value): count for value, count in first.iter_rows()},
        **{"low": present.min(), "high": present.max(), **facts},
    )


def _in_words(value: object) -> str:
    try:
        return canonical_text(value) or ""
    except ValueError:  # a float so large that its text may lack its last digits
        return f"{value:.6g}"


def _readings(text: pl.Series) -> tuple[Mapping[str, str], ...]:
    """The ways to read the text as times: none, ISO 8601, or one or more formats."""
    present = text.drop_nulls()
    for sample in (present.head(_SAMPLE), present):  # the whole of what may be times only
        if not (readings := _readings_of(sample)):
            break
    return readings


def _readings_of(text: pl.Series) -> tuple[Mapping[str, str], ...]:
    if text.is_empty():
        return ()
    try:
        as_iso_8601(text)
    except BadInput:
        return tuple({"format": each} for each in fitting_formats(text))
    return ({},)
