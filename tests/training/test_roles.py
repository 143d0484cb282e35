"""The role that is guessed for a column."""

from __future__ import annotations

from typing import Any

import pytest

from training.profile import Profile
from training.roles import guess_roles


def seen(name: str, kind: Any, distinct: int = 900, **more: Any) -> Profile:
    facts: dict[str, Any] = {"rows": 10_000, "missing": 0, "is_whole": kind == "number", **more}
    return Profile(name=name, kind=kind, distinct=distinct, **facts)


def roles(*columns: Profile) -> dict[str, list[str]]:
    guessed = guess_roles(columns)
    return {role: [each.name for each in members] for role, members in guessed.items() if members}


@pytest.mark.parametrize(
    ("column", "role"),
    [
        (seen("is_fraud", "number", 2), "label"),
        (seen("Class", "text", 3), "label"),
        (seen("y", "number", 2, counts={"0": 9_900, "1": 100}), "label"),
        (seen("fraud_scenario", "number", 4), "ignored"),
        (seen("booked_at", "time"), "time"),
        (seen("Time", "number"), "time"),
        (seen("TX_AMOUNT", "number", is_whole=False), "amount"),
        (seen("distance", "number", is_whole=False), "amount"),
        (seen("customer_id", "number"), "entities"),
        (seen("card", "text"), "entities"),
        (seen("card_type", "text", 3), "categories"),
        (seen("card", "text", 9_999), "ignored"),
        (seen("transaction_id", "number", 10_000), "id"),
        (seen("TRX_NO", "text", 10_000), "id"),
        (seen("id", "number", 10_000, missing=1), "ignored"),
        (seen("row_id", "number", 10_000), "ignored"),
        (seen("mcc", "number", 300), "categories"),
        (seen("country", "text", 30), "categories"),
        (seen("age", "number", 80), "numbers"),
        (seen("note", "text", 9_000), "ignored"),
        (seen("constant", "text", 1), "ignored"),
        (seen("tags", "unusable", 0), "ignored"),
    ],
)
def test_a_column_has_the_role_that_its_name_and_values_suggest(column: Profile, role: str) -> None:
    assert roles(column) == {role: [column.name]}


def test_there_is_one_amount_without_gaps_and_one_time() -> None:
    guessed = roles(
        seen("gaps_amount", "number", missing=1, is_whole=False),
        seen("amount", "number", is_whole=False),
        seen("amount_eur", "number", is_whole=False),
        seen("time", "time"),
        seen("time_of_entry", "time"),
        seen("TIME_SECONDS", "number"),
    )

    assert guessed == {
        "time": ["time"],
        "amount": ["amount"],
        "numbers": ["gaps_amount", "amount_eur"],
        "ignored": ["time_of_entry", "TIME_SECONDS"],
    }
