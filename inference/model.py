"""The model that is served: verified, loaded, warmed up, ready to score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.transaction import MOST_ROWS, InvalidTransaction, TransactionReader, Unknown
from registry.errors import ContractError
from registry.ledger.chain import Link
from registry.model.record import Decision, record_start
from registry.model.scorer import MODEL_FILE, Scorer, Value, encode_columns, open_model

SHOWN_DIGEST = 12
SHOWN_REASONS = 5


@dataclass(frozen=True)
class Reason:
    """How much of the probability is gone when one input is at its reference value."""

    input: str
    value: Value
    reference: Value
    change: float


class ServedModel:
    """A model whose every file matched the head's signed statement.

    `digest` is the hex sha256 of the ONNX file that answers; `version` the entry's place in the
    ledger as MLflow numbers it.
    """

    def __init__(self, scorer: Scorer, reader: TransactionReader, link: Link) -> None:
        self.scorer = scorer
        self.reader = reader
        self.link = link
        self.contract = scorer.contract
        self.threshold = scorer.contract.threshold
        self.version = link.version
        self.digest = link.statement.files[MODEL_FILE]
        self.short_digest = self.digest[:SHOWN_DIGEST]
        self.loaded_at = datetime.now(UTC)
        self.record_start = record_start(self.version, self.digest, self.threshold)

    def score(self, values: Sequence[Value]) -> tuple[NDArray[np.float32], float]:
        """The encoded row, shape (1, inputs), and its probability.

        Raises InvalidTransaction where the model gives no probability: in float32 huge values can
        end in NaN, which is below every threshold and would be approved.
        """
        row = self.scorer.encode(values)
        probability = float(self.scorer.score(row)[0])
        if not math.isfinite(probability):
            raise InvalidTransaction.whole("no_probability", "The model cannot score these values")
        return row, probability

    def score_many(
        self, rows: Sequence[Sequence[Value]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The encoded rows, shape (n, inputs), and their probabilities, shape (n,).

        Raises InvalidTransaction naming the first row that cannot be scored.
        """
        columns = dict(zip(self.contract.names, zip(*rows, strict=True), strict=True))
        encoded = encode_columns(columns, self.contract.inputs)
        probabilities = self.scorer.score(encoded)
        if not np.isfinite(probabilities).all():
            first = int(np.argmin(np.isfinite(probabilities)))
            message = "The model cannot score these values"
            raise InvalidTransaction.whole("no_probability", message, "transactions", first)
        return encoded, probabilities

    def reasons(self, values: Sequence[Value], row: NDArray[np.float32]) -> list[Reason]:
        """The inputs that move the probability most, largest first: each is set to its reference
        value in turn, all of them in one batch with the row itself."""
        inputs = self.contract.inputs
        references = self.scorer.encode([one.reference for one in inputs])[0]
        batch = np.repeat(row, len(inputs) + 1, axis=0)
        batch[np.arange(len(inputs)), np.arange(len(inputs))] = references
        scores = self.scorer.score(batch).astype(np.float64)
        changes = np.nan_to_num(scores[-1] - scores[:-1])
        order = np.argsort(-np.abs(changes), kind="stable")[:SHOWN_REASONS]
        return [
            Reason(inputs[at].name, values[at], inputs[at].reference, float(changes[at]))
            for at in order
        ]

    def decide(self, probability: float) -> Decision:
        return "review" if probability >= self.threshold else "approve"


def load_model(
    folder: Path, link: Link, *, unknown: Unknown = "refuse", most_rows: int = MOST_ROWS
) -> ServedModel:
    """The model in a folder that was verified, after it scored its reference values once.

    Raises ContractError where it cannot be read, or gives no probability for them.
    """
    scorer = open_model(folder)
    reader = TransactionReader(scorer.contract, unknown=unknown, most_rows=most_rows)
    model = ServedModel(scorer, reader, link)
    try:
        model.score([one.reference for one in scorer.contract.inputs])
    except InvalidTransaction as error:
        raise ContractError("the model gives no probability for its reference values") from error
    return model
