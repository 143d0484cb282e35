"""The fields of raw transactions: ids and entities, times, amounts; read as the service does."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from batch.rows import Reasons, distinct, is_text, numbers
from features.amounts import MAX_AMOUNT
from features.times import MAX_MICROS, MIN_MICROS, micros_of
from registry.errors import UsageError
from registry.model.canonical import canonical_text
from registry.model.contract import TransactionForm

MAX_ID_LENGTH = 200
"""Characters of a transaction's id, and of an entity, as the service takes them."""


def texts(column: pa.Array, name: str, reasons: Reasons, missing: frozenset[str]) -> pl.Series:
    """The canonical texts; `missing` are those that mean null, which only an id may not be."""
    places, different = distinct(column, name)
    texts: list[str | None] = []
    wrong: list[bool] = []
    for value in different:
        try:
            text = canonical_text(value)
        except ValueError as error:
            raise UsageError(f"column {name!r}: {error}; write it as text") from error
        if text is not None and text.strip() in missing:
            text = None
        texts.append(text)
        wrong.append(text is not None and not 0 < len(text) <= MAX_ID_LENGTH)
    message = f"{name}: not of 1 to {MAX_ID_LENGTH} characters"
    reasons.add(np.array([*wrong, False], dtype=bool)[places], message)
    if not missing:
        reasons.add(places < 0, f"{name}: missing")
    return pl.Series([*texts, None], dtype=pl.String).gather(places % (len(texts) + 1))


def times(column: pa.Array, form: TransactionForm, reasons: Reasons) -> NDArray[np.int64]:
    """Microseconds since 1970; 0 where there is a reason."""
    if pa.types.is_timestamp(column.type):
        if form.zoned != (column.type.tz is not None):
            needs = "an offset from UTC" if form.zoned else "no offset from UTC"
            raise UsageError(
                f"column {form.time!r} is of type {column.type}, but the model needs times with "
                f"{needs}"
            )
        micros = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
        reasons.add(np.asarray(pc.is_null(micros), dtype=bool), f"{form.time}: missing")
        moments: NDArray[np.int64] = pc.fill_null(micros, 0).to_numpy(zero_copy_only=False)
        outside = (moments < MIN_MICROS) | (moments >= MAX_MICROS)
        reasons.add(outside, f"{form.time}: before 1980 or after 2099")
        return np.where(outside, 0, moments)
    places, different = distinct(column, form.time)
    reasons.add(places < 0, f"{form.time}: missing")
    if is_text(column.type) and form.unit:  # CSV has nothing but text
        different = [_number_or_text(value) for value in different]
    # As in JSON, no number of numpy.
    different = [one.item() if isinstance(one, np.generic) else one for one in different]
    values, problems = [0] * (len(different) + 1), [""] * (len(different) + 1)
    for place, value in enumerate(different):
        try:
            values[place] = micros_of(value, form)
        except ValueError as error:
            problems[place] = str(error)
    for problem in set(problems) - {""}:
        wrong = np.array([each == problem for each in problems], dtype=bool)
        reasons.add(wrong[places], f"{form.time}: {problem}")
    micros_of_rows: NDArray[np.int64] = np.array(values, dtype=np.int64)[places]
    return micros_of_rows


def _number_or_text(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def amounts(column: pa.Array, name: str, reasons: Reasons) -> NDArray[np.float64]:
    """Each is a finite number that can be added up; what is not has a reason."""
    values = numbers(column, name, reasons)
    reasons.add(np.isnan(values), f"{name}: missing")
    reasons.add(np.abs(values) > MAX_AMOUNT, f"{name}: beyond {MAX_AMOUNT:g}")
    return values
