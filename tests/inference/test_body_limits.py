"""How large a body may be."""

from __future__ import annotations

import json

import pytest

from inference.body_limits import transaction_bytes
from registry.model.contract import Input
from tests.contracts import category, contract_of, number


@pytest.mark.parametrize(
    ("inputs", "size"),
    [
        ([number("amount")], 8 + 24 + 16),
        ([number("amount"), number("age")], 8 + 5 + 2 * (24 + 16)),
        ([number("Betrag €")], 15 + 24 + 16),  # \u20ac
        ([category("c", "DE")], 3 + 24 + 16),
        ([category("c", "D" * 100, "FR")], 3 + 102 + 16),
    ],
)
def test_each_input_needs_its_name_its_longest_value_and_some_space(
    inputs: list[Input], size: int
) -> None:
    assert transaction_bytes(contract_of(*inputs)) == 32 + size


def test_an_indented_transaction_of_the_longest_values_fits() -> None:
    inputs = [number(f"x{index}") for index in range(50)] + [category("k", "a" * 200)]
    row = {f"x{index}": -2.2250738585072014e-308 for index in range(50)} | {"k": "a" * 200}
    body = json.dumps({"transactions": [row] * 100}, indent=4)
    assert len(body) <= 100 * transaction_bytes(contract_of(*inputs))
