"""The example of a contract, by hand."""

from __future__ import annotations

import polars as pl

from registry.model.contract import Histogram
from registry.model.scorer import Scorer
from tests.contracts import category, contract_of, number
from tests.inference.models import weighted_sum
from training.example import with_example

AMOUNT = number("amount", high=900.0, histogram=Histogram(edges=(10.0, 50.0), counts=(3, 3, 4)))
CONTRACT = contract_of(
    AMOUNT,
    number("age", nullable=True),
    number("risk", reference=0.25),
    category("country", "DE", "FR"),
)
SCORER = Scorer(weighted_sum(1.0, 0.0, 0.0, 0.0), CONTRACT)


def frauds(**columns: list[object]) -> pl.DataFrame:
    return pl.DataFrame(columns)


def test_the_example_is_the_highest_scoring_fraud_in_values_that_the_contract_states() -> None:
    rows = frauds(
        amount=[29.0, 41.5, 12.0],
        age=[1.0, 2.0, 3.0],
        risk=[1.0, 2.4, 0.1],
        country=["DE", "FR", "DE"],
    )
    assert with_example(CONTRACT, rows, SCORER).example == (50.0, 2.5, 2.5, "FR")


def test_what_the_contract_does_not_allow_becomes_the_reference() -> None:
    rows = frauds(amount=[700.0], age=[None], risk=[None], country=["unheard of"])
    assert with_example(CONTRACT, rows, SCORER).example == (900.0, None, 0.25, "DE")


def test_of_many_frauds_the_first_thousand_are_looked_at() -> None:
    amounts: list[object] = [0.0] * 1000
    rows = frauds(
        amount=[*amounts, 900.0], age=[0.0] * 1001, risk=[0.0] * 1001, country=["DE"] * 1001
    )
    assert with_example(CONTRACT, rows, SCORER).example == (0.0, 0.0, 0.0, "DE")
