"""What a server is: our service, and two servers with a constant answer to compare it with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.inference.production import Rows
from benchmarks.paths import REPOSITORY

HOST = "127.0.0.1"
Row = list[float]


@dataclass(frozen=True)
class Server:
    """A server: how it is started, what a request looks like, and how its answer is read.

    `{port}` in `command` and `environment` is replaced by its port, `{spare}` and `{other}` by two
    further free ports.
    """

    name: str
    command: list[str]
    environment: Mapping[str, str]
    ready: str
    path: str
    body: Callable[[Row], Any]
    """The JSON body that requests one row."""
    probability: Callable[[Any], float] | None = None
    """Reads the probability from a JSON answer; None if the answer is constant."""
    under_open_loop: bool = False

    def bodies(self, rows: Rows) -> list[str]:
        """Request bodies, one per row, each on one line."""
        return [json.dumps(self.body(row)) for row in rows.values.tolist()]


def ours(
    python: str, tracking_uri: str, ledger_config: Path, names: tuple[str, ...], *, records: bool
) -> Server:
    """The service with validation, metrics, request id and decision, without tokens; the client
    sends all inputs.

    `records` adds a record of each prediction, which is the default of the service.
    """
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
            "FRAUD_FEATURES": "client",
            "FRAUD_RECORDS": "hash" if records else "off",
        },
        ready="/healthcheck",
        path="/predict",
        body=_named(names),
        probability=lambda answer: float(answer["probability"]),
        under_open_loop=True,
    )


def bare_asgi(python: str, answer: Path, names: tuple[str, ...]) -> Server:
    """An ASGI function that answers with the bytes of `answer`, on the same uvicorn."""
    return _constant("bare ASGI", "bare_asgi", python, answer, names, under_open_loop=True)


def fastapi_constant(python: str, answer: Path, names: tuple[str, ...]) -> Server:
    """A FastAPI endpoint that answers with the JSON of `answer`, on the same uvicorn."""
    return _constant("FastAPI constant", "fastapi_constant", python, answer, names)


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
