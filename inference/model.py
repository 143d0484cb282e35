"""The served model: verified, loaded, warmed up, ready to score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from inference.body_limits import transaction_bytes
from inference.raw import RawForm
from inference.transaction import MAX_ROWS, InvalidTransaction, TransactionReader, UnknownFields
from inference.usual import Values
from registry.errors import ContractError
from registry.ledger.chain import Link
from registry.model.record import Decision, record_start
from registry.model.scorer import MODEL_FILE, Scorer, Value, open_model

SHORT_DIGEST_LENGTH = 12


class ServedModel:
    """A model whose files all match the signed statement of the head.

    `version` is the ledger version, as MLflow numbers it; `digest` is the hex sha256 of the ONNX
    file that scores.
    """

    def __init__(
        self, scorer: Scorer, reader: TransactionReader, link: Link, raw: RawForm | None = None
    ) -> None:
        """`raw`: how its inputs are made of what the reader returns; None where they are that."""
        self.scorer = scorer
        self.reader, self.raw = reader, raw
        self.link = link
        self.contract = scorer.contract
        self.threshold = scorer.contract.threshold
        self.version = link.version
        self.digest = link.statement.files[MODEL_FILE]
        self.short_digest = self.digest[:SHORT_DIGEST_LENGTH]
        self.loaded_at = datetime.now(UTC)
        self.transaction_bytes = transaction_bytes(self.contract)
        self.record_start = record_start(self.version, self.digest, self.threshold)

    def encode(self, values: Sequence[Value]) -> NDArray[np.float32]:
        """The row of these values, shape (1, inputs), unless their reader has made it already."""
        if isinstance(values, Values) and values.row is not None:
            return values.row
        return self.scorer.encode(values)

    def score(self, values: Sequence[Value]) -> tuple[NDArray[np.float32], float]:
        """The encoded row, shape (1, inputs), and its probability.

        Raises InvalidTransaction where the probability is not finite: huge values can overflow
        float32 to NaN, which is below every threshold and would be approved.
        """
        row = self.encode(values)
        probability = float(self.scorer.score(row)[0])
        if not math.isfinite(probability):
            raise _not_scorable()
        return row, probability

    def score_many(
        self, rows: Sequence[Sequence[Value]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The encoded rows, shape (n, inputs), and their probabilities, shape (n,).

        Raises InvalidTransaction naming the first row whose probability is not finite.
        """
        encoded = np.concatenate([self.encode(values) for values in rows])
        probabilities = self.scorer.score(encoded)
        if not np.isfinite(probabilities).all():
            raise _not_scorable("transactions", int(np.argmin(np.isfinite(probabilities))))
        return encoded, probabilities

    def decide(self, probability: float) -> Decision:
        return "review" if probability >= self.threshold else "approve"


def _not_scorable(*location: str | int) -> InvalidTransaction:
    message = "The model cannot score these values"
    return InvalidTransaction.of_body("no_probability", message, *location)


def load_model(
    files: Mapping[str, bytes],
    link: Link,
    *,
    unknown: UnknownFields = "refuse",
    max_rows: int = MAX_ROWS,
    computes_features: bool = False,
    answers_without_history: bool = False,
) -> ServedModel:
    """Load the model from verified files, and score its reference values once as a warm-up.

    With `computes_features`, clients send transactions where the contract says how, and with
    `answers_without_history` they are scored while the feature store is away.

    Raises ContractError where it cannot be loaded, or cannot score its reference values.
    """
    scorer = open_model(files)
    contract = scorer.contract
    raw = None
    if computes_features and contract.transaction is not None:
        raw = RawForm(
            contract, contract.transaction, answers_without_history=answers_without_history
        )
    fields = raw.fields if raw else None
    reader = TransactionReader(contract, unknown=unknown, max_rows=max_rows, fields=fields)
    model = ServedModel(scorer, reader, link, raw)
    try:
        model.score([input_.reference for input_ in scorer.contract.inputs])
    except InvalidTransaction as error:
        raise ContractError("the model gives no probability for its reference values") from error
    return model
