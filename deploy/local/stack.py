"""What the demo runs on: the embedded default, or the set-up of a team."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.azure import LocalAzure
from deploy.local.processes import free_port, mlflow_server
from deploy.local.redis_server import ask
from deploy.local.team import team
from registry.ledger.chain import Link
from registry.model.scorer import MODEL_FILE


@dataclass(frozen=True)
class Stack:
    """A tracking server, and what the demo needs to use it.

    `trainer`, `promoter` and `reader` are the environment variables of each; `empty_store` gives
    the URL of a feature store that holds nothing; `damaged` runs a tracking server on which one
    byte of a ledger entry's model file is changed, and yields its address.
    """

    tracking_uri: str
    trainer: Mapping[str, str]
    promoter: Mapping[str, str]
    reader: Mapping[str, str]
    empty_store: Callable[[], str]
    damaged: Callable[[Link], AbstractContextManager[str]]


@contextmanager
def embedded(folder: Path, port: int) -> Iterator[Stack]:
    """SQLite, local files and a feature store in memory. Raises NotStarted."""

    def empty_store() -> str:
        shutil.rmtree(folder / "history", ignore_errors=True)
        return f"memory:{folder / 'history'}"

    @contextmanager
    def damaged(head: Link) -> Iterator[str]:
        with tempfile.TemporaryDirectory(prefix="damaged-") as copy:
            _copy_damaged(folder / "mlflow", Path(copy), head)
            with mlflow_server(Path(copy), free_port()) as tracking_uri:
                yield tracking_uri

    with mlflow_server(folder / "mlflow", port) as tracking_uri:
        anyone = {"MLFLOW_TRACKING_URI": tracking_uri}
        yield Stack(tracking_uri, anyone, anyone, anyone, empty_store, damaged)


@contextmanager
def of_a_team(folder: Path, port: int) -> Iterator[Stack]:
    """PostgreSQL, Blob Storage, Redis, and a user for each role. Raises NotStarted."""
    with team(folder / "team", port) as started:

        def empty_store() -> str:
            ask(started.redis.port, "FLUSHALL")
            return started.redis.url

        @contextmanager
        def damaged(head: Link) -> Iterator[str]:
            with _damaged_blob(started.azure, f"{head.statement.entry.source}/{MODEL_FILE}"):
                yield started.tracking_uri

        roles = (started.environment(role) for role in ("trainer", "promoter", "reader"))
        trainer, promoter, reader = roles
        reader["FRAUD_RECORDS_TO"] = started.azure.address("records")
        reader["FRAUD_RECORDS_SPOOL"] = str(started.folder / "records")
        # For what the demo itself reads, which no other role may read at once.
        os.environ.update(started.environment("auditor"))
        yield Stack(started.tracking_uri, trainer, promoter, reader, empty_store, damaged)


def _copy_damaged(store: Path, copy: Path, head: Link) -> None:
    with (
        sqlite3.connect(store / "mlflow.db") as original,
        sqlite3.connect(copy / "mlflow.db") as duplicate,
    ):
        original.backup(duplicate)
    source = head.statement.entry.source.removeprefix("mlflow-artifacts:/")
    folder = copy / "artifacts" / source
    shutil.copytree(store / "artifacts" / source, folder)
    file = folder / MODEL_FILE
    file.write_bytes(_damage(file.read_bytes()))


@contextmanager
def _damaged_blob(azure: LocalAzure, address: str) -> Iterator[None]:
    """Change a byte of a blob, and change it back at the end."""
    with azure.blob(address) as blob:
        content, metadata = blob.download_blob().readall(), blob.get_blob_properties().metadata
        blob.upload_blob(_damage(content), overwrite=True, metadata=metadata)
        try:
            yield
        finally:
            blob.upload_blob(content, overwrite=True, metadata=metadata)


def _damage(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)
