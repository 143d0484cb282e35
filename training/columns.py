"""Typing one column: text, number or label, with the same result from CSV and from Parquet."""

from __future__ import annotations

import numpy as np
import polars as pl

from registry.model.canonical import canonical_text
from training.dataset import Dataset
from training.errors import BadInput

_MAX_NUMBER = float(np.finfo(np.float32).max)
_MAX_SHOWN = 40
MAX_SHOWN_VALUES = 10
_BOOLEANS = {"true": "1", "True": "1", "TRUE": "1", "false": "0", "False": "0", "FALSE": "0"}


def as_text(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    """The column as String, each value as its canonical text; null where it is missing.

    That is: null, NaN, only blanks, or a text that is in `missing`. Raises BadInput.
    """
    if column.dtype.is_nested():
        raise BadInput(
            f"column {column.name!r} contains lists or structs; expected one value per row"
        )
    if column.dtype.is_temporal():
        raise BadInput(
            f"column {column.name!r} contains times, which the model would not know in future: "
            "list it under `ignored`, or write it as text"
        )
    values = column.unique().drop_nulls()
    # A float32 must stay one: as a Python float, its 0.1 would be 0.10000000149.
    objects = values.to_numpy() if column.dtype.is_float() else values.to_list()
    texts = _without_missing(
        pl.Series([_text(value, column) for value in objects], dtype=pl.String), missing
    )
    if column.dtype.is_float():
        # Of an empty column, Polars would keep the type.
        return column.replace_strict(values, texts, return_dtype=pl.String).cast(pl.String)
    column, values = column.cast(pl.String), values.cast(pl.String)
    changed = values.ne_missing(texts)
    if changed.any():
        column = column.replace(values.filter(changed), texts.filter(changed))
    return column


def _text(value: object, column: pl.Series) -> str | None:
    try:
        return canonical_text(value)
    except ValueError as error:
        problem = "is a float that may have lost its last digits: write the column as whole numbers"
        if isinstance(error, UnicodeDecodeError):
            problem = "is binary and not UTF-8: list the column under `ignored`"
        where = pl.Series([bool(each == value) for each in column], dtype=pl.Boolean)
        raise BadInput(f"{in_row(column, where)} {problem}, or write it as text") from error


def as_written(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    """Text that is to be parsed: as by `as_text`, but not canonical, and without blanks around."""
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        return _without_missing(column.cast(pl.String).str.strip_chars(), missing)
    return as_text(column, missing)


def _without_missing(column: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    is_missing = column.str.strip_chars().is_in(["", *missing])
    return column.set(is_missing, None) if is_missing.any() else column


def in_row(column: pl.Series, mask: pl.Series) -> str:
    """Names the first row, counted from 1, where the mask is true, and what the column has there.

    Such as: column 'a': 'much' in row 3.
    """
    row = int(mask.fill_null(False).arg_max() or 0)
    shown = repr(column[row])
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
    return f"column {column.name!r}: {shown} in row {row + 1:,}"


def rows(mask: pl.Series) -> str:
    """How many rows are true in the mask, such as: 2 rows, first in row 3."""
    count = int(mask.sum())
    return f"{count:,} row{'s' * (count > 1)}, first in row {int(mask.arg_max() or 0) + 1:,}"


def as_number(column: pl.Series, missing: tuple[str, ...], decimal: str) -> pl.Series:
    """The column as Float64, finite as float32; null where a value is missing. Raises BadInput.

    `decimal` is the point or comma of numbers that are text.
    """
    if column.dtype.is_temporal():
        raise BadInput(f"column {column.name!r} contains times, but numbers are expected")
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        number = column.cast(pl.Float64)
    else:
        number = _parsed(as_written(column, missing), decimal)
    number = number.fill_nan(None)
    if marks := [mark for text in missing if (mark := _finite(text)) is not None]:
        number = number.set(number.is_in(marks).fill_null(False), None)
    if (infinite := number.is_infinite()).any():
        raise BadInput(f"{in_row(column, infinite)} is infinite")
    if (too_large := number.abs() > _MAX_NUMBER).any():
        raise BadInput(f"{in_row(column, too_large)} is too large for float32")
    return number


def _parsed(text: pl.Series, decimal: str) -> pl.Series:
    plain = text.replace(_BOOLEANS)
    number = plain.str.replace(decimal, ".", literal=True).cast(pl.Float64, strict=False)
    if decimal != ".":
        number = number.set(plain.str.contains(".", literal=True).fill_null(False), None)
    if (wrong := number.is_null() & text.is_not_null()).any():
        hint = _number_hint(str(text.filter(wrong)[0]), decimal)
        raise BadInput(f"{in_row(text, wrong)} is not a number: {hint}")
    return number


def _number_hint(value: str, decimal: str) -> str:
    if decimal == "," and "." in value:
        return "with `decimal: ','`, numbers have no point; remove separators of thousands"
    if decimal == "." and "," in value:
        return "set `decimal: ','` if it has a decimal comma, or remove separators of thousands"
    return "list it under `missing` if it means that there is no value"


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def as_label(text: pl.Series, dataset: Dataset) -> pl.Series:
    """The label as Int8: 1 for fraud, 0 for genuine, null where it is not known yet.

    `text` is the column as by `as_text`. Raises BadInput for a value that is none of these.
    """
    name = f"column {text.name!r} (the label)"
    unlabelled = text.is_in(dataset.unlabelled).fill_null("" in dataset.unlabelled)
    if (absent := text.is_null() & ~unlabelled).any():
        raise BadInput(
            f"{name} has no value in {rows(absent)}: set `unlabelled: ''` if such labels are not "
            "known yet, or remove the rows"
        )
    values = sorted(text.filter(~unlabelled).unique().to_list())
    fraud, genuine = ["1", "true"], ["0", "false"]
    if dataset.positive is not None:
        fraud = [dataset.positive]
        if dataset.positive not in values or len(values) > 2:
            shown = ", ".join(repr(value) for value in values[:MAX_SHOWN_VALUES])
            problem = "not " if dataset.positive not in values else "more than one value besides "
            raise BadInput(
                f"{name} contains {problem}{dataset.positive!r} (`positive`); its values are "
                f"{shown}: list those of transactions that are not judged yet under `unlabelled`"
            )
    elif not set(values) <= {*fraud, *genuine}:
        wrong = ~(text.is_in([*fraud, *genuine]).fill_null(True) | unlabelled)
        raise BadInput(
            f"{in_row(text, wrong)} is neither 0 nor 1: set `positive` to the value that means "
            "fraud, or list it under `unlabelled` if it means that the label is not known yet"
        )
    label = text.is_in(fraud).cast(pl.Int8)
    return label.set(unlabelled, None).alias(text.name)
