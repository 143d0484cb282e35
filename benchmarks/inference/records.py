"""`make bench-records`: what records of predictions cost, by where they go.

Three services that differ in their records alone run on one core: without any, with standard
output, and with Parquet files in a folder. Bursts of requests go to one after another, so that what
else the machine does meets all three. CPU time tells more than requests per second on such a
machine.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.inference import servers
from benchmarks.inference.environments import install
from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.load import closed_loop
from benchmarks.inference.measure import Started, check_answers, cores, started
from benchmarks.inference.production import Production, put_in_production
from benchmarks.inference.servers import Server
from benchmarks.paths import CACHE
from deploy.local.processes import NotStarted, free_port, mlflow_server

FOLDER = CACHE / "records"
PARQUET = "ours, with records in Parquet"


@dataclass(frozen=True)
class Burst:
    """One burst of requests to one service."""

    requests_per_second: float
    p50_ms: float
    cpu_us: float
    """CPU time of the service's process, per request."""
    mover_us: float
    """CPU time of the processes that converted records and ended in this burst, per request."""


def compared_servers(python: str, production: Production) -> Iterator[Server]:
    """Three servers that differ in their records alone."""
    uri, config = production.tracking_uri, production.ledger_config
    for records in (False, True):
        ours = servers.ours(python, uri, config, production.rows.names, records=records)
        yield ours
    # Relative to the empty folder in which a server starts.
    sink = {"FRAUD_RECORDS_TO": ".", "FRAUD_RECORDS_SPOOL": "spool"}
    yield replace(ours, name=PARQUET, environment={**ours.environment, **sink})


def burst(server: Server, ready: Started, bodies: Path, seconds: float) -> Burst:
    """Load one service and read its CPU times before and after. Raises CannotMeasure."""
    before = ready.process.cpu_times()
    load = closed_loop(ready.address + server.path, bodies, seconds)
    after = ready.process.cpu_times()
    own = after.user + after.system - before.user - before.system
    movers = after.children_user + after.children_system
    movers -= before.children_user + before.children_system
    per_request = 1e6 / load.requests
    return Burst(load.requests / load.seconds, load.p50_ms, own * per_request, movers * per_request)


def results_table(measured: Mapping[str, Sequence[Burst]]) -> Table:
    """Medians of the bursts by service, and the ratio of CPU times to each of the others."""
    table = Table(title=f"medians of {len(next(iter(measured.values())))} bursts each")
    table.add_column("server", no_wrap=True)
    for column in ("requests/s", "p50 ms", "CPU µs", *(f"by {name}" for name in measured)):
        table.add_column(column, justify="right")
    table.add_column("movers' CPU µs, mean", justify="right")
    cpu = {name: statistics.median(one.cpu_us for one in each) for name, each in measured.items()}
    for name, bursts in measured.items():
        table.add_row(
            name,
            f"{statistics.median(one.requests_per_second for one in bursts):,.0f}",
            f"{statistics.median(one.p50_ms for one in bursts):.2f}",
            f"{cpu[name]:.1f}",
            *(f"{cpu[name] / other:.3f}" for other in cpu.values()),
            f"{statistics.fmean(one.mover_us for one in bursts):.1f}",
        )
    return table


def main(
    seconds: Annotated[float, typer.Option(help="Duration of a burst.")] = 2,
    rounds: Annotated[int, typer.Option(help="Bursts to each service, in turn.")] = 40,
) -> None:
    """Measure the service without records, with them on standard output, and in Parquet files."""
    server_core, load_core = cores()
    os.sched_setaffinity(0, {load_core})
    shutil.rmtree(FOLDER, ignore_errors=True)
    python = str(install("records") / "python")
    with ExitStack() as stack:
        uri = stack.enter_context(mlflow_server(FOLDER / "mlflow", free_port()))
        production = put_in_production(uri, FOLDER)
        compared = list(compared_servers(python, production))
        bodies = FOLDER / "bodies"
        bodies.write_text("".join(f"{body}\n" for body in compared[0].bodies(production.rows)))
        running: dict[str, Started] = {}
        for server in compared:
            log = FOLDER / "logs" / f"{server.name}.log"
            ready = stack.enter_context(started(server, server_core, log))
            check_answers(server, ready.address, production.rows)
            burst(server, ready, bodies, seconds)  # to warm up
            running[server.name] = ready
        results = [
            (server.name, burst(server, running[server.name], bodies, seconds))
            for _ in range(rounds)
            for server in compared
        ]
        measured = {
            server.name: [one for name, one in results if name == server.name]
            for server in compared
        }
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(results_table(measured))


if __name__ == "__main__":
    try:
        typer.run(main)
    except (CannotMeasure, NotStarted) as error:
        sys.exit(f"error: {error}")
