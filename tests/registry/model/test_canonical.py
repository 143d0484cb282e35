"""The text of a value is the same whatever type a file or a client has it in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.canonical import canonical_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5411, "5411"),
        (5411.0, "5411"),
        ("5411", "5411"),
        ("5411.0", "5411"),
        ("5411.00", "5411"),
        (Decimal("5411.00"), "5411"),
        (Decimal("1E+2"), "100"),
        (np.int16(5411), "5411"),
        (np.float32(5411), "5411"),
        (-0.0, "0"),
        ("-0.0", "0"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.1"),
        (2**63, "9223372036854775808"),
        (9007199254740991.0, "9007199254740991"),
        (True, "true"),
        (np.True_, "true"),
        ("True", "true"),
        ("FALSE", "false"),
        ("false", "false"),
        (b"caf\xc3\xa9", "café"),
        (b"1.0", "1"),
        (None, None),
        (float("nan"), None),
        (np.float32("nan"), None),
    ],
)
def test_a_value_has_one_text_whatever_its_type(value: Any, text: str | None) -> None:
    assert canonical_text(value) == text


@pytest.mark.parametrize("text", ["007", "7", "1e5", "1.50", "007.0", ".0", "1.0.0", "", "tRUE"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert canonical_text(text) == text


@pytest.mark.parametrize("value", [2.0**53, -(2.0**53), np.float32(2**24), float("inf")])
def test_a_float_that_may_have_lost_digits_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="is a float that may have lost its last digits"):
        canonical_text(value)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        canonical_text(b"\xff")


@given(st.text() | st.integers() | st.booleans() | st.floats(-(2.0**52), 2.0**52))
def test_the_text_of_a_text_is_itself(value: Any) -> None:
    text = canonical_text(value)

    assert canonical_text(text) == text


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_whole_number_has_the_same_text_as_integer_float_and_either_as_text(number: int) -> None:
    texts = [number, float(number), str(number), f"{number}.0", Decimal(number)]

    assert {canonical_text(each) for each in texts} == {str(number)}
