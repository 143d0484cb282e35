"""From the values of a transaction's fields to the inputs of the model."""

from __future__ import annotations

from features.online import Seen, Transaction
from inference.raw import RawForm
from registry.model.scorer import Value
from tests.contracts import FORM, raw_contract

VALUES: list[Value] = ["a", 1_772_452_800_000_000, "c1", None, 12.5, "web"]


def test_inputs_are_in_the_order_of_the_contract() -> None:
    form = RawForm(raw_contract(), FORM)

    transaction = form.transaction(VALUES, ("card", "shop"))
    seen = [Seen(2, 300_000, 0, None, None), Seen(3, 600_000, 0, None, None)]
    inputs = form.inputs(VALUES, transaction, {"card": seen, "shop": None})

    assert transaction == Transaction("a", 1_772_452_800_000_000, 12.5, ("c1", None))
    assert list(inputs) == [12.5, 2.0, 15.0, 3.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0, "web"]
    assert form.computed(inputs)["card_mean_amount_7d"] == 20.0


def test_entities_are_in_the_order_of_the_store() -> None:
    form = RawForm(raw_contract(), FORM)

    transaction = form.transaction(VALUES, ("device", "shop", "card"))

    assert transaction.entities == (None, None, "c1")
