"""The same values as in the service are refused, and the others encoded to the same bits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from batch.rows import Reasons, check
from registry.errors import UsageError
from tests.batch.heads import trees

SCORER = trees().scorer


def table(**columns: Any) -> pa.Table:
    return pa.table({"amount": [0.5], "age_days": [1.0], "country": ["DE"], **columns})


def reason_of(given: pa.Table) -> str | None:
    reasons = Reasons(len(given))
    check(given, SCORER.contract, SCORER.contract.inputs, reasons)
    reason: str | None = reasons.texts[0]
    return reason


@pytest.mark.parametrize(
    ("column", "values", "value"),
    [
        ("amount", pa.array([0.1], pa.float32()), float(np.float32(0.1))),
        ("amount", pa.array([2**63 + 12_345], pa.uint64()), 2**63 + 12_345),
        ("amount", pa.array([Decimal("12.34")]), 12.34),
        ("amount", pa.array([True]), 1),
        ("amount", pa.array([" 123456789012345678901234567890 "]), 123456789012345678901234567890),
        ("amount", pa.array(["-1.5e-3"]), -1.5e-3),
        ("amount", pa.array([".1"], pa.large_string()), 0.1),
        ("age_days", pa.array([float("nan")]), None),
        ("age_days", pa.array([None], pa.null()), None),
        ("age_days", pa.array([None], pa.string()), None),
        ("country", pa.array(["FR"]).dictionary_encode(), "FR"),
        ("country", pa.array(["XX"]), "XX"),
        ("country", pa.array([7.0], pa.float32()), "7"),
        ("country", pa.array([None], pa.string()), None),
    ],
)
def test_a_value_is_encoded_as_the_service_encodes_it(
    column: str, values: pa.Array, value: Any
) -> None:
    given = table(**{column: values})
    expected: dict[str, Any] = {"amount": 0.5, "age_days": 1.0, "country": "DE", column: value}
    reasons = Reasons(1)

    checked = check(given, SCORER.contract, SCORER.contract.inputs, reasons)

    assert reasons.texts.tolist() == [None]
    assert checked.encoded.tobytes() == SCORER.encode(list(expected.values())).tobytes()


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("amount", pa.array([None], pa.float64()), "amount: missing"),
        ("amount", pa.array([float("inf")]), "amount: outside of -3.40282e+38 to 3.40282e+38"),
        ("amount", pa.array(["1e39"]), "amount: outside of -3.40282e+38 to 3.40282e+38"),
        ("amount", pa.array(["1,5"]), "amount: not a number"),
        ("amount", pa.array(["nan"]), "amount: not a number"),
        ("country", pa.array(["x" * 1001]), "country: more than 1,000 characters"),
    ],
)
def test_what_breaks_the_contract_has_a_reason(column: str, values: pa.Array, reason: str) -> None:
    assert reason_of(table(**{column: values})) == reason


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("amount", pa.array([[1.0]]), "column 'amount' is of type list<.*>, but must hold numbers"),
        ("country", pa.array([0], pa.timestamp("s")), "column 'country' is of type timestamp"),
        ("country", pa.array([2.0**60]), "column 'country': .* write it as text"),
    ],
)
def test_a_column_of_a_wrong_type_is_refused_as_a_whole(
    column: str, values: pa.Array, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        reason_of(table(**{column: values}))


def test_the_first_reason_counts() -> None:
    given = table(amount=["x"], age_days=["y"])

    assert reason_of(given) == "amount: not a number"
