"""Reading a request's body, against its number of fields."""

from __future__ import annotations

import json
from contextlib import suppress

from benchmarks.growth.models import contract_of
from benchmarks.growth.pause import longest_pause
from benchmarks.growth.row import Row, best_seconds
from inference.transaction import InvalidTransaction, TransactionReader


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


def batch_held_milliseconds(rows: int) -> float:
    """A batch of 500 inputs, which the service reads in a thread."""
    contract = contract_of(500)
    reader = TransactionReader(contract)
    row = dict.fromkeys(contract.names, -1.2345678901234567)
    body = json.dumps({"transactions": [row] * rows}).encode()
    return 1e3 * longest_pause(lambda: reader.read_batch(body), rounds=5)


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
    Row(
        "batch-held",
        "the longest pause of the event loop while a batch of 500 inputs is read",
        "rows",
        "ms",
        (50, 200),
        (100, 300, 1000),
        batch_held_milliseconds,
    ),
)
