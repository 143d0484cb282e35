"""What a measured server is, with ours and the constants that it is held against."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.inference.environments import REPOSITORY
from benchmarks.inference.production import Rows

HOST = "127.0.0.1"
Row = list[float]


@dataclass(frozen=True)
class Server:
    """One way of answering: how it is started, asked and read.

    `{port}` in `command` and `environment` becomes its port; `{spare}` and `{other}` are free too.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ready: str
    path: str
    body: Callable[[Row], Any]
    """The JSON that asks for one row."""
    probability: Callable[[Any], float] | None = None
    """The probability in a JSON answer; None where the answer is a constant."""
    under_open_loop: bool = False

    def bodies(self, rows: Rows) -> list[str]:
        """Request bodies, one a row, each without a line break."""
        return [json.dumps(self.body(row)) for row in rows.values.tolist()]


def ours(
    python: str, tracking_uri: str, ledger_config: Path, names: tuple[str, ...], *, records: bool
) -> Server:
    """The service with validation, metrics, request id and decision; and with a record of each
    prediction, as it has by default, where `records` says so. Without tokens."""
    return Server(
        name="ours, with records" if records else "ours",
        command=[python, "-m", "inference"],
        environment={
            "PYTHONPATH": str(REPOSITORY),
            "MLFLOW_TRACKING_URI": tracking_uri,
            "FRAUD_LEDGER_CONFIG": str(ledger_config),
            "FRAUD_HOST": HOST,
            "FRAUD_PORT": "{port}",
            "FRAUD_AUTH": "off",
            "FRAUD_RECORDS": "hash" if records else "off",
        },
        ready="/healthcheck",
        path="/predict",
        body=_named(names),
        probability=lambda answer: float(answer["probability"]),
        under_open_loop=True,
    )


def bare(python: str, answer: Path, names: tuple[str, ...]) -> Server:
    """A bare ASGI function that answers the bytes in `answer`, on the same uvicorn."""
    return _constant("bare ASGI", "bare", python, answer, names, under_open_loop=True)


def hello(python: str, answer: Path, names: tuple[str, ...]) -> Server:
    """A FastAPI endpoint that answers the JSON in `answer`, on the same uvicorn."""
    return _constant("FastAPI constant", "hello", python, answer, names)


def _constant(
    name: str,
    module: str,
    python: str,
    answer: Path,
    names: tuple[str, ...],
    under_open_loop: bool = False,
) -> Server:
    application = f"benchmarks.inference.programs.{module}:app"
    return Server(
        name=name,
        command=[
            *(python, "-m", "uvicorn", application, "--host", HOST, "--port", "{port}"),
            *("--loop", "uvloop", "--http", "httptools", "--lifespan", "off"),
            *("--no-access-log", "--no-server-header", "--log-level", "warning"),
        ],
        environment={"PYTHONPATH": str(REPOSITORY), "BENCH_ANSWER": str(answer)},
        ready="/docs",
        path="/predict",
        body=_named(names),
        under_open_loop=under_open_loop,
    )


def _named(names: tuple[str, ...]) -> Callable[[Row], Any]:
    return lambda row: dict(zip(names, row, strict=True))
