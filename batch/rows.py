"""Rows of the input, checked by the contract and encoded, column by column.

The rules are those of the service: the same values are refused, and the others are encoded to the
same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.ranges import MAX_CATEGORY_LENGTH, possible_range
from registry.errors import UsageError
from registry.model.contract import UNKNOWN_CATEGORY_CODE, Contract, Input
from registry.model.scorer import encode_columns

_NUMBER = r"^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_BOOLEANS = {"true": "1", "True": "1", "TRUE": "1", "false": "0", "False": "0", "FALSE": "0"}


class Reasons:
    """Why rows are rejected: the first reason of each."""

    def __init__(self, rows: int) -> None:
        self.texts: NDArray[np.object_] = np.full(rows, None, dtype=object)

    def add(self, wrong: NDArray[np.bool_], text: str) -> None:
        """Reject the rows where `wrong` is true, unless they have a reason already."""
        if wrong.any():
            self.texts[wrong & self.valid] = text

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Of which rows there is nothing to say."""
        return np.array([text is None for text in self.texts], dtype=bool)


@dataclass(frozen=True)
class Checked:
    """`encoded` has the shape (rows, inputs); it means nothing where a row is rejected.

    `columns` are the values before that, for each input.
    """

    encoded: NDArray[np.float32]
    columns: Sequence[NDArray[np.float64] | pa.Array]


def check(
    table: pa.Table, contract: Contract, inputs: Iterable[Input], reasons: Reasons
) -> Checked:
    """Check these inputs of the contract, and encode them.

    Raises UsageError for a column whose type cannot be that of the input.
    """
    encoded, columns = [], []
    for described in inputs:
        column = decoded(table[described.name])
        if described.kind == "category":
            codes, values = _categories(column, described, reasons)
        else:
            values = _numbers(column, contract, described, reasons)
            codes = encode_columns({described.name: values}, [described])[:, 0]
        encoded.append(codes)
        columns.append(values)
    matrix = np.column_stack(encoded) if encoded else np.empty((len(table), 0), np.float32)
    return Checked(matrix, columns)


def decoded(column: pa.ChunkedArray) -> pa.Array:
    """The column in one piece, and not as codes of a dictionary."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # of no rows
        whole = pa.array([], type=column.type)
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole


def numbers(column: pa.Array, name: str, reasons: Reasons) -> NDArray[np.float64]:
    """The column as numbers, NaN where there is none. Text is parsed: CSV has nothing else.

    Raises UsageError for a type that is not a number.
    """
    kind = column.type
    if is_text(kind):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        is_number = pc.fill_null(pc.match_substring_regex(text, _NUMBER), True)
        if not pc.all(is_number, min_count=0).as_py():
            text = pa.array([_BOOLEANS.get(one, one) for one in text.to_pylist()], pa.string())
            is_number = pc.fill_null(pc.match_substring_regex(text, _NUMBER), True)
        wrong = ~np.asarray(is_number, dtype=bool)
        reasons.add(wrong, f"{name}: not a number")
        column = pc.if_else(is_number, text, None)
    elif not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    ):
        raise UsageError(f"column {name!r} is of type {kind}, but must hold numbers")
    if pa.types.is_decimal(kind):
        column = column.cast(pa.string())  # from which the nearest double is taken
    # Not `safe`: of whole numbers beyond 2^53 the nearest double is taken, as of those in JSON.
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )
    return values


def is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _numbers(
    column: pa.Array, contract: Contract, described: Input, reasons: Reasons
) -> NDArray[np.float64]:
    name = described.name
    values = numbers(column, name, reasons)
    history = next((each for each in contract.history_features if each.name == name), None)
    part = next((each.part for each in contract.calendar_features if each.name == name), None)
    low, high = possible_range(history, part)
    outside = (values < low) | (values > high)
    if outside.any():
        reasons.add(outside, f"{name}: outside of {low:g} to {high:g}")
        values = np.where(outside, np.nan, values)
    if not described.nullable:
        reasons.add(np.isnan(values), f"{name}: missing")
    return values


def _categories(
    column: pa.Array, described: Input, reasons: Reasons
) -> tuple[NDArray[np.float32], pa.Array]:
    """The codes and the values. Each different value is looked up once."""
    name = described.name
    places, different = distinct(column, name)
    codes = encode_columns({name: different}, [described])[:, 0]
    codes = np.append(codes, np.float32(UNKNOWN_CATEGORY_CODE))  # of place -1, which is missing
    too_long = [len(str(one)) > MAX_CATEGORY_LENGTH for one in different]
    reasons.add(
        np.array([*too_long, False], dtype=bool)[places],
        f"{name}: more than {MAX_CATEGORY_LENGTH:,} characters",
    )
    if not described.nullable:
        reasons.add(places < 0, f"{name}: missing")
    return codes[places], column


def distinct(column: pa.Array, name: str) -> tuple[NDArray[np.int64], Sequence[Any]]:
    """For each row the place of its value among the different ones, -1 where it has none.

    Raises UsageError for a type that has no canonical text.
    """
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_temporal(kind):
        raise UsageError(f"column {name!r} is of type {kind}, but must hold text or whole numbers")
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), None, column)
    coded = column.dictionary_encode()
    places = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    values = coded.dictionary
    # As Python's float, the 0.1 of a float32 would be 0.10000000149.
    return places, values.to_numpy() if pa.types.is_floating(kind) else values.to_pylist()
