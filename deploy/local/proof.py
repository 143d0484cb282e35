"""The checks of `make demo ARGS="--yes --once"`; each must hold before it ends with exit code 0."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import requests

from deploy.local.processes import free_port, inference_service
from deploy.local.stack import Stack
from deploy.local.traffic import Exchange
from registry.ledger.chain import Link
from registry.model.scorer import MODEL_FILE, Scorer

ANSWERS = 1000
DIGEST_LENGTH = 12
"""Characters of the model file's sha256 in an answer."""
REFUSAL_SECONDS = 30.0


class NotProven(Exception):
    """A check of the demo failed."""


def prove_answers(exchanges: list[Exchange], scorer: Scorer, head: Link) -> None:
    """Check that the answers are those of the signed file.

    Each probability must be bit-identical to what the file gives for training's features, row by
    row, each answer must name the head, and both decisions must occur. Raises NotProven.
    """
    if len(exchanges) != ANSWERS:
        raise NotProven(f"{len(exchanges)} answers instead of {ANSWERS}")
    served_model = (head.version, head.statement.files[MODEL_FILE][:DIGEST_LENGTH])
    for exchange in exchanges:
        answer = exchange.answer
        expected = float(scorer.score(scorer.encode(exchange.inputs))[0])
        if answer["probability"] != expected:
            raise NotProven(f"answered {answer['probability']}, the signed file gives {expected}")
        named_model = (answer["model_version"], answer["model_digest"])
        if named_model != served_model:
            raise NotProven(f"an answer names {named_model}, which is not the head")
    decisions = {exchange.answer["decision"] for exchange in exchanges}
    if decisions != {"approve", "review"}:
        raise NotProven(f"only these decisions were made: {', '.join(sorted(decisions))}")


def prove_damage_is_refused(stack: Stack, ledger_config: Path, head: Link) -> str:
    """Start a second service on a store with one byte of the model changed.

    Returns the reason that it gives for being unready. Raises NotProven if it becomes ready, or
    does not name the file.
    """
    with tempfile.TemporaryDirectory(prefix="damaged-") as temporary:
        folder = Path(temporary)
        # An empty cache, because the first service's holds a verified copy of the right bytes.
        settings = {**stack.reader, "FRAUD_CACHE": str(folder / "cache")}
        with (
            stack.damaged(head) as tracking_uri,
            inference_service(
                tracking_uri, ledger_config, free_port(), folder / "inference.log", **settings
            ) as (address, _),
        ):
            reason = _reason_for_refusal(address)
            answer = requests.post(f"{address}/predict", json={}, timeout=10)
    if MODEL_FILE not in reason or answer.status_code != 503:
        raise NotProven(f"the service on damaged files answered {answer.status_code}: {reason}")
    return reason


def _reason_for_refusal(address: str) -> str:
    """The reason that the service gives for being unready, once it has checked the files."""
    deadline = time.monotonic() + REFUSAL_SECONDS
    reason = "it does not answer"
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            answer = requests.get(f"{address}/healthcheck", timeout=5)
        except requests.ConnectionError:
            continue
        if answer.status_code == 200:
            raise NotProven("a service on damaged files became ready")
        reason = str(answer.json()["reason"])
        if "was changed" in reason:
            break
    return reason
