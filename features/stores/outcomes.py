"""What a store says of a transaction or a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from features.online import Seen, Transaction


class Answer(NamedTuple):
    """What the windows of a transaction hold, by kind of entity; None where it is not known.

    `repeated`: the transaction was recorded before, and counts once.
    """

    seen: Mapping[str, Sequence[Seen] | None]
    repeated: bool


class LabelOutcome(NamedTuple):
    """What became of a label, and the time of its transaction in microseconds.

    `recorded`: the first label. `reversed`: it replaces the opposite one. `repeated`: the same was
    there. `unknown`: no such transaction is kept.
    """

    result: Literal["recorded", "reversed", "repeated", "unknown"]
    time: int | None


class Past(NamedTuple):
    """A transaction in the history of an entity; the amount in 1/10,000, the time in microseconds.

    `fraud` is None while its label is not known.
    """

    time: int
    units: int
    fraud: bool | None


class OutOfRange(ValueError):
    """The transaction is older than what is kept."""

    def __init__(self, time: int, oldest: int) -> None:
        super().__init__(f"its time is {(oldest - time) / 1e6:,.0f} s before the oldest accepted")
        self.time, self.oldest = time, oldest


class Conflict(ValueError):
    """The id of the transaction was recorded with another time, amount or entity."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__("this transaction id was recorded with another time, amount or entity")
        self.transaction_id = transaction_id


class NotLoaded(ValueError):
    """A transaction of a load that cannot be recorded; the message says why."""

    def __init__(self, transaction: Transaction, reason: ValueError) -> None:
        super().__init__(str(reason))
        self.transaction = transaction
