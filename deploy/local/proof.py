"""What `make demo ARGS="--yes --once"` proves before it exits 0."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

import requests

from deploy.local.processes import free_port, inference_service, mlflow_server
from deploy.local.traffic import Exchange
from registry.ledger.chain import Link
from registry.model.scorer import MODEL_FILE, Scorer

ANSWERS = 1000
SHOWN_DIGEST = 12
"""Characters of the model file's sha256 in an answer."""
WATCH_SECONDS = 30.0


class NotProven(Exception):
    """Something that the demo shows did not hold."""


def prove_answers(exchanges: list[Exchange], scorer: Scorer, head: Link) -> None:
    """Every answer is, to the bit, the signed file's; it names the head; both decisions occur."""
    if len(exchanges) != ANSWERS:
        raise NotProven(f"{len(exchanges)} answers instead of {ANSWERS}")
    for one in exchanges:
        row = scorer.encode([one.transaction[name] for name in scorer.contract.names])
        offline = float(scorer.score(row)[0])
        if one.answer["probability"] != offline:
            raise NotProven(f"answered {one.answer['probability']}, the signed file says {offline}")
        answered = (one.answer["model_version"], one.answer["model_digest"])
        if answered != (head.version, head.statement.files[MODEL_FILE][:SHOWN_DIGEST]):
            raise NotProven(f"an answer names {answered}, which is not the head")
    decisions = {one.answer["decision"] for one in exchanges}
    if decisions != {"approve", "review"}:
        raise NotProven(f"only these decisions were made: {', '.join(sorted(decisions))}")


def prove_damage_is_refused(store: Path, ledger_config: Path, head: Link) -> str:
    """Start a second service on a copy of the store with one byte changed; return its reason.

    Raises NotProven where that service becomes ready, or does not name the file.
    """
    with tempfile.TemporaryDirectory(prefix="damaged-") as temporary:
        copy = Path(temporary)
        _copy_damaged(store, copy, head)
        log = copy / "inference.log"
        # A cache of its own: the other service's holds the right bytes, verified.
        cache = str(copy / "cache")
        with (
            mlflow_server(copy, free_port()) as tracking_uri,
            inference_service(tracking_uri, ledger_config, free_port(), log, FRAUD_CACHE=cache) as (
                address,
                _,
            ),
        ):
            reason = _reason_for_refusal(address)
            answer = requests.post(f"{address}/predict", json={}, timeout=10)
    if MODEL_FILE not in reason or answer.status_code != 503:
        raise NotProven(f"the service on damaged files said {answer.status_code}: {reason}")
    return reason


def _copy_damaged(store: Path, copy: Path, head: Link) -> None:
    with (
        sqlite3.connect(store / "mlflow.db") as original,
        sqlite3.connect(copy / "mlflow.db") as duplicate,
    ):
        original.backup(duplicate)
    inside = head.statement.entry.source.removeprefix("mlflow-artifacts:/")
    folder = copy / "artifacts" / inside
    shutil.copytree(store / "artifacts" / inside, folder)
    content = bytearray((folder / MODEL_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / MODEL_FILE).write_bytes(content)


def _reason_for_refusal(address: str) -> str:
    """What the service gives as its reason, once it has looked at the files."""
    deadline = time.monotonic() + WATCH_SECONDS
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
