"""Reading what an entry put in force: its files, and only if every one of them matches."""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient

from registry.files import Manifest
from registry.ledger import Link
from registry.store import download


def fetch_verified(client: MlflowClient, link: Link, destination: Path) -> Path:
    """Download an entry's files into `destination` and hold them against its signed statement.

    Raises BytesMismatch, naming each file that is missing, was added or was changed, and
    Unreachable. It never falls back to another entry: whoever can damage a file could then force
    a downgrade.
    """
    folder = download(client, link.statement.entry.source, destination)
    link.statement.manifest.require(
        Manifest.of(folder), f"the files of ledger version {link.version}"
    )
    return folder
