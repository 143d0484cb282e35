"""A store made of a table goes on as one that recorded it; test_embedded compares all answers."""

from __future__ import annotations

from features.online import Transaction, Window
from features.stores.restore import restored
from tests.features.stores.test_table import folded


def test_totals_are_those_of_each_entity_even_where_all_together_overflow() -> None:
    large = 2**61
    records = [
        ["t", number, 50, large, 2 * (number == 3), f"c{number % 2}", "s"] for number in (1, 2)
    ]
    table = folded(*records, ["t", 3, 60, 5, 2, "c1", None], ["t", 4, 60, 6, 0, "c0", None])
    store = restored(table)

    seen = store.peek(
        Transaction("new", 70, 0.0001, ("c1", None)), {"card": (Window(50, 0), Window(50, 10))}
    ).seen["card"]

    assert seen == [(3, large + 6, 0, None, None), (2, large + 5, 1, 60, 50)]
    assert (len(store), store.entities("card"), store.entities("shop")) == (4, 2, 1)
