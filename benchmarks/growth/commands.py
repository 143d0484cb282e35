"""Commands that read the whole ledger, against its number of entries."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.growth.ledgers import TRUST, served
from benchmarks.growth.row import Row
from benchmarks.paths import REPOSITORY
from registry.lifecycle.verified import Verified
from registry.lifecycle.verify import verify
from registry.tracking.client import connect, read_ledger


def wall_seconds(action: Callable[[], object], *, rounds: int = 3) -> float:
    """The least of several calls: the server's time counts too, and other processes add to it."""
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def status_seconds(count: int) -> float:
    """The whole command."""
    with served(count) as registry, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "ledger.yaml"
        config.write_text(TRUST.as_yaml())
        settings = {"MLFLOW_TRACKING_URI": registry.uri, "FRAUD_LEDGER_CONFIG": str(config)}
        return wall_seconds(
            lambda: subprocess.run(
                [sys.executable, "-m", "registry", "status"],
                cwd=REPOSITORY,
                env={**os.environ, **settings},
                stdout=subprocess.DEVNULL,
                check=True,
            )
        )


def verify_seconds(count: int) -> float:
    """The files and the evidence of every entry: 21 files each."""
    with served(count, files=True) as registry:
        return wall_seconds(lambda: verify_all(registry.uri, None), rounds=1)


def verify_again_seconds(count: int) -> float:
    """The same again, with what was verified remembered in a file."""
    with served(count, files=True) as registry, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "verified"
        verify_all(registry.uri, path)
        return wall_seconds(lambda: verify_all(registry.uri, path))


def verify_all(uri: str, remember: Path | None) -> None:
    """Raises ValueError for a ledger that is damaged: less would have been read of it."""
    client = connect(uri)
    if problems := verify(client, read_ledger(client, TRUST), Verified(remember)).problems:
        raise ValueError(problems[0])


SHORT, LONG = (10, 20), (365, 1000, 3650)
ROWS = (
    Row("status", "`registry status`", "entries", "s", SHORT, LONG, status_seconds),
    Row("verify", "verifying every entry", "entries", "s", SHORT, LONG, verify_seconds),
    Row(
        "verify-again",
        "verifying every entry again",
        "entries",
        "s",
        SHORT,
        LONG,
        verify_again_seconds,
    ),
)
