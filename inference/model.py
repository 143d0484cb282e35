"""The model that is served: pulled from the registry, verified, loaded, warmed up."""

from __future__ import annotations

import logging
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from inference.transaction import InvalidTransaction, TransactionReader
from registry.errors import NotFound
from registry.ledger import Link
from registry.reader import fetch_verified
from registry.scorer import MODEL_FILE, Scorer, open_model
from registry.store import read_ledger
from registry.trust import Trust

log = logging.getLogger("inference")


@dataclass(frozen=True)
class Answer:
    """What `/predict` says of one transaction."""

    probability: float
    decision: str
    threshold: float
    model_version: int
    model_digest: str


@dataclass(frozen=True)
class ServedModel:
    """A model whose every file matched the head's signed statement."""

    scorer: Scorer
    reader: TransactionReader
    link: Link

    @property
    def digest(self) -> str:
        """Hex sha256 of the ONNX file that answers."""
        return self.link.statement.files[MODEL_FILE]

    def predict(self, body: bytes) -> Answer:
        """Score the transaction in a JSON body.

        Raises InvalidTransaction, also where the model gives no probability: in float32 huge values
        can end in NaN, which is below every threshold and would be approved.
        """
        row = self.scorer.encode(self.reader.read(body))
        probability = float(self.scorer.score(row)[0])
        if not math.isfinite(probability):
            raise InvalidTransaction.whole("no_probability", "The model cannot score these values")
        threshold = self.scorer.contract.threshold
        return Answer(
            probability=probability,
            decision="review" if probability >= threshold else "approve",
            threshold=threshold,
            model_version=self.link.version,
            model_digest=self.digest,
        )


def load_head(client: MlflowClient, trust: Trust) -> ServedModel:
    """Pull the ledger's head, verify signature and bytes, load it and score once.

    Raises NotFound while nothing was promoted, VerificationError (BytesMismatch names the files)
    where something is not what was approved, Unreachable.
    """
    ledger = read_ledger(client, trust)
    for finding in ledger.findings:
        log.warning("in the ledger, %s", finding)
    head = ledger.head
    if head is None:
        raise NotFound("nothing is in Production yet; promote a candidate with `registry promote`")
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        scorer = open_model(fetch_verified(client, head, Path(folder)))
    scorer.score(scorer.encode([one.reference for one in scorer.contract.inputs]))
    return ServedModel(scorer, TransactionReader(scorer.contract), head)
