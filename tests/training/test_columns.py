"""Typing a column: numbers, labels and text, and the value, row and key of every refusal."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.canonical import canonical_text
from tests.training.keys import dataset
from training.columns import as_label, as_number, as_text
from training.dataset import MISSING
from training.errors import BadInput


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pl.Series("k", [5411.0, None, 5812.0]), ["5411", None, "5812"]),
        (pl.Series("k", [5411, None, 5812]), ["5411", None, "5812"]),
        (pl.Series("k", ["5411.0", "", "007"]), ["5411", None, "007"]),
        (pl.Series("k", [True, None, False]), ["true", None, "false"]),
        (pl.Series("k", ["True", "NA", "FALSE"]), ["true", None, "false"]),
        (pl.Series("k", ["1.0", "x"], dtype=pl.Categorical), ["1", "x"]),
        (pl.Series("k", [Decimal("5.00"), Decimal("1.50")]), ["5", "1.50"]),
        (pl.Series("k", [0.1, 1.0], dtype=pl.Float32), ["0.1", "1"]),
        (pl.Series("k", [b"caf\xc3\xa9", b"1.0", None]), ["café", "1", None]),
        (pl.Series("k", [2**63, 1], dtype=pl.UInt64), ["9223372036854775808", "1"]),
        (pl.Series("k", [None, None]), [None, None]),
        (pl.Series("k", [float("nan"), None]), [None, None]),
    ],
)
def test_a_value_has_its_canonical_text(column: pl.Series, texts: list[str | None]) -> None:
    assert as_text(column, MISSING).to_list() == texts


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_have_the_text_that_the_service_gives_them(values: list[int | None]) -> None:
    column = pl.Series("k", values, dtype=pl.Int64)

    assert as_text(column, ()).to_list() == [canonical_text(value) for value in values]


@given(st.lists(st.none() | st.floats(-(2.0**52), 2.0**52)))
def test_floats_have_the_text_that_the_service_gives_them(values: list[float | None]) -> None:
    column = pl.Series("k", values, dtype=pl.Float64)

    assert as_text(column, ()).to_list() == [canonical_text(value) for value in values]


def test_only_the_texts_that_are_listed_mean_that_a_value_is_missing() -> None:
    column = pl.Series("country", ["NA", "DE", "", "  ", "none"])

    assert as_text(column, ()).to_list() == ["NA", "DE", None, None, "none"]
    assert as_text(column, ("none",)).to_list() == ["NA", "DE", None, None, None]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            pl.Series("k", [b"a", b"\xff", b"\xff"]),
            r"column 'k': b'\xff' in row 2 is binary and not UTF-8: list the column under "
            "`ignored`, or write it as text",
        ),
        (
            pl.Series("k", [1.0, None, 2.0**53]),
            "column 'k': 9007199254740992.0 in row 3 is a float that may have lost its last "
            "digits: write the column as whole numbers, or write it as text",
        ),
        (
            pl.Series("k", [date(2026, 1, 1)]),
            "column 'k' contains times, which the model would not know in future: list it under "
            "`ignored`, or write it as text",
        ),
    ],
)
def test_what_has_no_text_is_refused(column: pl.Series, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        as_text(column, MISSING)

    assert str(caught.value) == message


def numbers_of(values: list[Any], **keys: Any) -> list[float | None]:
    roles = dataset(**keys)
    return as_number(pl.Series("n", values), roles.missing, roles.decimal).to_list()


@pytest.mark.parametrize(
    ("values", "keys", "numbers"),
    [
        (["1.5", " 2 ", "1e3", "+4"], {}, [1.5, 2.0, 1000.0, 4.0]),
        (["1,5", "-2", "3"], {"decimal": ","}, [1.5, -2.0, 3.0]),
        (["NA", "", "?", "4"], {"missing": ["NA", "?"]}, [None, None, None, 4.0]),
        (["-1", "-1.0", "4"], {"missing": -1}, [None, None, 4.0]),
        ([-1, 4], {"missing": -1}, [None, 4.0]),
        (["True", "false"], {}, [1.0, 0.0]),
        ([True, False], {}, [1.0, 0.0]),
        ([b"1.5"], {}, [1.5]),
    ],
)
def test_a_number_is_read_from_any_type(
    values: list[Any], keys: dict[str, Any], numbers: list[float | None]
) -> None:
    assert numbers_of(values, **keys) == numbers


@pytest.mark.parametrize(
    ("value", "keys", "hint"),
    [
        ("1,5", {}, "set `decimal: ','` if it has a decimal comma, or remove separators of"),
        ("1.234,5", {"decimal": ","}, "with `decimal: ','`, numbers have no point; remove"),
        ("1.234", {"decimal": ","}, "with `decimal: ','`, numbers have no point; remove"),
        ("1,234,567", {"decimal": ","}, "list it under `missing` if it means that there is no"),
        ("?", {}, "list it under `missing` if it means that there is no value"),
    ],
)
def test_a_text_that_is_not_a_number_is_refused_with_the_key_that_helps(
    value: str, keys: dict[str, Any], hint: str
) -> None:
    with pytest.raises(BadInput) as caught:
        numbers_of(["1", value], **keys)

    assert str(caught.value).startswith(f"column 'n': '{value}' in row 2 is not a number: {hint}")


@given(st.floats(-3e38, 3e38, allow_nan=False))
def test_a_number_is_the_same_with_a_decimal_comma(number: float) -> None:
    text = repr(number)

    assert numbers_of([text.replace(".", ",")], decimal=",") == [number]
    assert numbers_of([text]) == [number]


def label(values: list[Any], **keys: Any) -> list[int | None]:
    roles = dataset(**keys)
    return as_label(as_text(pl.Series("y", values), roles.missing), roles).to_list()


@pytest.mark.parametrize(
    ("values", "keys", "labels"),
    [
        ([0, 1], {}, [0, 1]),
        ([0.0, 1.0], {}, [0, 1]),
        (["0", "1.0"], {}, [0, 1]),
        ([False, True], {}, [0, 1]),
        (["False", "TRUE"], {}, [0, 1]),
        (["No", "Yes"], {"positive": "Yes"}, [0, 1]),
        (["legit", "fraud"], {"positive": "fraud"}, [0, 1]),
        ([1, 2], {"positive": 2}, [0, 1]),
        ([0, 1, 2], {"unlabelled": 2}, [0, 1, None]),
        (
            ["No", "Yes", "?", None],
            {"positive": "Yes", "unlabelled": ["?", ""]},
            [0, 1, None, None],
        ),
        ([0, 1, None], {"unlabelled": ""}, [0, 1, None]),
    ],
)
def test_a_label_is_read_by_its_keys(
    values: list[Any], keys: dict[str, Any], labels: list[int | None]
) -> None:
    assert label(values, **keys) == labels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["No", "Yes"],
            "column 'y' (the label) contains not 'yes' (`positive`); its values are 'No', 'Yes'",
        ),
        (
            ["no", "yes", "maybe"],
            "column 'y' (the label) contains more than one value besides 'yes' (`positive`); its "
            "values are 'maybe', 'no', 'yes'",
        ),
    ],
)
def test_a_label_that_the_keys_do_not_explain_is_refused(values: list[str], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        label(values, positive="yes")

    assert str(caught.value) == (
        f"{message}: list those of transactions that are not judged yet under `unlabelled`"
    )
