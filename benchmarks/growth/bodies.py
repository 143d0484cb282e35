"""Reading a request's body, against its number of fields."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

from benchmarks.growth.row import Row, best_seconds
from inference.transaction import InvalidTransaction, TransactionReader
from registry.model.contract import Contract, Histogram, Input, Window


def contract_of(count: int) -> Contract:
    """A contract of `count` numbers with ten bins each."""
    histogram = Histogram(edges=tuple(range(1, 10)), counts=(100,) * 10)
    inputs = tuple(
        Input(
            name=f"feature_{number:04}",
            kind="number",
            nullable=False,
            low=0.0,
            high=10.0,
            reference=0.5,
            histogram=histogram,
        )
        for number in range(count)
    )
    window = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 3, 1, tzinfo=UTC))
    return Contract(
        dataset="growth",
        inputs=inputs,
        threshold=0.5,
        threshold_method="fixed",
        training_window=window,
        delay_days=7,
    )


def read_microseconds(inputs: int) -> float:
    """One valid transaction with every input of the model."""
    contract = contract_of(inputs)
    reader = TransactionReader(contract)
    body = json.dumps(dict.fromkeys(contract.names, 3.75)).encode()
    return 1e6 * best_seconds(lambda: reader.read(body), times=max(1, 50_000 // inputs))


def unknown_milliseconds(fields: int) -> float:
    """One transaction with so many fields that a model of 15 inputs does not have."""
    reader = TransactionReader(contract_of(15))
    body = json.dumps({f"unknown_{number}": 0 for number in range(fields)}).encode()

    def refuse() -> None:
        with suppress(InvalidTransaction):
            reader.read(body)

    return 1e3 * best_seconds(refuse)


ROWS = (
    Row(
        "read",
        "reading a transaction of numbers",
        "inputs",
        "µs",
        (15, 500),
        (15, 100, 500, 1000, 4000),
        read_microseconds,
    ),
    Row(
        "unknown-fields",
        "refusing a transaction of unknown fields",
        "fields",
        "ms",
        (900, 7000),
        (900, 7000, 70_000),
        unknown_milliseconds,
    ),
)
