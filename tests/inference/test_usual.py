"""Usual transactions are read as pydantic reads them; all others are left to it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import transaction
from inference.inputs import describe_inputs
from inference.transaction import InvalidTransaction, TransactionReader
from inference.usual import UsualReader, Values
from registry.model.contract import Contract
from tests.contracts import category, contract_of, number

CONTRACT = contract_of(
    number("amount"),
    number("age_days", nullable=True),
    category("country", "DE", "FR"),
    category("browser", "firefox", "safari", nullable=True),
)
READER = UsualReader(describe_inputs(CONTRACT), max_fields=4)
FULL = {"amount": 0.25, "age_days": 1, "country": "FR", "browser": "safari"}

numbers = st.floats(-30, 30) | st.integers(-3, 3) | st.just(10**400) | st.booleans() | st.none()
texts = st.sampled_from(["DE", "FR", "firefox", "safari", "", "XX"]) | st.none()
values = numbers | texts | st.lists(st.none(), max_size=1)
documents = st.fixed_dictionaries(
    {"amount": numbers | values, "age_days": numbers | values, "country": texts | values},
    optional={"browser": texts | values, "colour": values},
)


def wide(contract: Contract, unknown: transaction.UnknownFields) -> TransactionReader:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction, "MIN_WIDE_INPUTS", 1)
        return TransactionReader(contract, unknown=unknown)


WIDE = {one: wide(CONTRACT, one) for one in ("refuse", "ignore")}
NARROW = {one: TransactionReader(CONTRACT, unknown=one) for one in ("refuse", "ignore")}


def read(reader: TransactionReader, body: bytes) -> tuple[Any, Any]:
    """The values with their types, and what is outside; or the errors."""
    try:
        values = reader.read(body)
    except InvalidTransaction as error:
        return "invalid", error.errors
    return [(type(one), one) for one in values], list(getattr(values, "outside", ()))


@given(documents, st.sampled_from(["refuse", "ignore"]))
def test_a_wide_transaction_is_read_as_a_narrow_one(document: Any, unknown: str) -> None:
    body = json.dumps(document).encode()
    assert read(WIDE[unknown], body) == read(NARROW[unknown], body)


def test_values_are_floats_in_the_models_order_with_their_row() -> None:
    usual = READER.read([dict(reversed(FULL.items())), {**FULL, "age_days": None, "browser": None}])
    assert usual == [[0.25, 1.0, "FR", "safari"], [0.25, None, "FR", None]]
    assert type(usual[0][1]) is float
    encoded = [one.row.tolist() for one in usual if one.row is not None]
    assert encoded[0] == [[0.25, 1.0, 1.0, 1.0]]
    np.testing.assert_array_equal(encoded[1], [[0.25, np.nan, 1.0, -1.0]])


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": True},
        {"amount": None},
        {"amount": "1"},
        {"amount": float("nan")},
        {"amount": float("inf")},
        {"amount": 1e30},
        {"amount": 10**400},
        {"age_days": float("nan")},
        {"country": "XX"},
        {"country": None},
        {"country": 1.0},
        {"country": ["DE"]},
        {"colour": 1},
    ],
)
def test_all_are_left_to_pydantic_if_one_is_unusual(changed: dict[str, Any]) -> None:
    assert READER.read([FULL, {**FULL, **changed}]) is None
    assert READER.read([FULL, FULL]) is not None


@pytest.mark.parametrize("document", [None, 1, "amount", [], [FULL], {}, {"amount": 1}])
def test_what_is_no_transaction_is_left_to_pydantic(document: Any) -> None:
    assert READER.read([document]) is None


def test_one_input_alone_is_read() -> None:
    reader = UsualReader(describe_inputs(contract_of(number("amount"))), max_fields=1)
    assert reader.read([{"amount": 2}]) == [[2.0]]


def test_a_transaction_is_a_list_of_its_values() -> None:
    assert Values([1.0, "DE"]) == [1.0, "DE"]
    assert Values([1.0]).outside == ()
    assert orjson.dumps(list(Values([1.0, None]))) == b"[1.0,null]"
