"""`make bench-records`: what records of predictions cost, by where they go.

The same service without records, with records on standard output, and with Parquet files in a
folder, in interleaved rounds under a closed loop, each on one core with all its processes.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.inference import report, servers
from benchmarks.inference.environments import install
from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.measure import Round, cores, measure
from benchmarks.inference.production import Production, put_in_production
from benchmarks.inference.servers import Server
from benchmarks.paths import CACHE
from deploy.local.processes import NotStarted, free_port, mlflow_server

FOLDER = CACHE / "records"
PARQUET = "ours, with records in Parquet"


def compared_servers(python: str, production: Production) -> Iterator[Server]:
    """Three servers that differ in their records alone."""
    uri, config = production.tracking_uri, production.ledger_config
    for records in (False, True):
        ours = servers.ours(python, uri, config, production.rows.names, records=records)
        yield ours
    # Relative to the empty folder in which a server starts.
    sink = {"FRAUD_RECORDS_TO": ".", "FRAUD_RECORDS_SPOOL": "spool"}
    yield replace(ours, name=PARQUET, environment={**ours.environment, **sink})


def main(
    seconds: Annotated[float, typer.Option(help="Duration of the load in each round.")] = 10,
    rounds: Annotated[int, typer.Option(help="Number of interleaved rounds.")] = 5,
) -> None:
    """Measure the service without records, with them on standard output, and in Parquet files."""
    server_core, load_core = cores()
    os.sched_setaffinity(0, {load_core})
    shutil.rmtree(FOLDER, ignore_errors=True)
    python = str(install("records") / "python")
    with mlflow_server(FOLDER / "mlflow", free_port()) as tracking_uri:
        production = put_in_production(tracking_uri, FOLDER)
        compared = list(compared_servers(python, production))
        measured: dict[str, list[Round]] = {server.name: [] for server in compared}
        for number in range(rounds):
            for server in compared:
                log = FOLDER / "logs" / f"{server.name}.log"
                result = measure(server, production.rows, server_core, None, seconds, log)
                measured[server.name].append(result)
                print(f"round {number + 1}: {server.name}: {result.requests_per_second:,.0f}/s")
    medians = {name: report.median(results) for name, results in measured.items()}
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(report.measures_table(medians, rounds))


if __name__ == "__main__":
    try:
        typer.run(main)
    except (CannotMeasure, NotStarted) as error:
        sys.exit(f"error: {error}")
