"""The fields of a transaction as clients write them."""

from __future__ import annotations

from inference.fields import describe_fields
from tests.contracts import CALENDAR, FORM, HISTORY, contract_of, number, raw_contract


def test_the_fields_are_id_time_entities_and_what_is_not_computed() -> None:
    names = [field.name for field in describe_fields(raw_contract(), FORM)]

    assert names == ["transaction_id", "time", "card", "shop", "amount", "channel"]


def test_an_amount_that_is_no_input_is_a_field_of_its_own() -> None:
    computed = [number(name) for name in sorted(raw_contract().computed)]
    contract = contract_of(
        *computed,
        version=2,
        history_features=HISTORY,
        calendar_features=CALENDAR,
        transaction=FORM,
    )

    assert [field.name for field in describe_fields(contract, FORM)][-1] == "amount"
