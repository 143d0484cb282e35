"""The command line of `make bench-inference`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.inference import peers, report, servers
from benchmarks.inference.environments import install
from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.measure import Round, check_answers, cores, measure, started
from benchmarks.inference.production import Production, put_in_production
from benchmarks.inference.servers import Server
from benchmarks.paths import CACHE
from deploy.local.processes import NotStarted, free_port, mlflow_server

FOLDER = CACHE / "run"


def all_servers(production: Production, core: int) -> list[Server]:
    """All servers; those with a constant answer repeat one of ours. Raises CannotMeasure."""
    python = str(install("inference") / "python")
    names = production.rows.names
    uri, config = production.tracking_uri, production.ledger_config
    ours = servers.ours(python, uri, config, names, records=False)
    answer = FOLDER / "answer.json"
    with started(ours, core, FOLDER / "logs" / "sample.log") as ready:
        answer.write_bytes(check_answers(ours, ready.address, production.rows))
    return [
        servers.bare_asgi(python, answer, names),
        ours,
        servers.ours(python, uri, config, names, records=True),
        servers.fastapi_constant(python, answer, names),
        peers.mlflow_serve(production),
        *peers.mlserver(install("mlserver"), production, FOLDER / "mlserver"),
        *peers.bentoml(install("bentoml"), production, FOLDER / "bentoml"),
    ]


def main(
    seconds: Annotated[float, typer.Option(help="Duration of each load in each round.")] = 5,
    rounds: Annotated[int, typer.Option(help="Number of interleaved rounds.")] = 3,
    only: Annotated[list[str] | None, typer.Option(help="Name of a server; repeatable.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all results.")] = None,
) -> None:
    """Measure the service next to other servers, and report which targets it reaches.

    Example: make bench-inference ARGS="--seconds 2 --rounds 1 --only ours --only 'bare ASGI'"
    """
    server_core, load_core = cores()
    os.sched_setaffinity(0, {load_core})
    shutil.rmtree(FOLDER, ignore_errors=True)
    load_before = os.getloadavg()[0]
    k6 = install("k6") / "k6"
    with mlflow_server(FOLDER / "mlflow", free_port()) as tracking_uri:
        production = put_in_production(tracking_uri, FOLDER)
        chosen = chosen_servers(all_servers(production, server_core), only or [])
        measured: dict[str, list[Round]] = {server.name: [] for server in chosen}
        for number in range(rounds):
            for server in chosen:
                log = FOLDER / "logs" / f"{server.name}.log"
                result = measure(server, production.rows, server_core, k6, seconds, log)
                measured[server.name].append(result)
                print(f"round {number + 1}: {server.name}: {_summary(result)}", flush=True)
    medians = {name: report.median(results) for name, results in measured.items()}
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(report.measures_table(medians, rounds))
    console.print(report.targets_table(medians))
    if json_file:
        setup = {"seconds": seconds, "load_average_before": load_before}
        content = {**setup, **report.as_json(measured, medians)}
        json_file.write_text(json.dumps(content, indent=2) + "\n")


def _summary(result: Round) -> str:
    # Much below 100 %, another process used the server's core, or the load generator was too slow.
    busy = result.requests_per_second * result.cpu_ms / 1e3
    return f"{result.requests_per_second:,.0f} requests/s with {busy:.0%} of its core"


def chosen_servers(servers: Sequence[Server], only: Sequence[str]) -> list[Server]:
    """The servers that `only` names, or all. Raises CannotMeasure for an unknown name."""
    names = [server.name for server in servers]
    if unknown := sorted(set(only) - set(names)):
        raise CannotMeasure(f"no server is called {unknown[0]!r}; there are {', '.join(names)}")
    return [server for server in servers if not only or server.name in only]


def _raise_keyboard_interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def start() -> None:
    """Run the benchmark; however it ends, all processes that it started are stopped."""
    signal.signal(signal.SIGTERM, _raise_keyboard_interrupt)
    try:
        typer.run(main)
    except (CannotMeasure, NotStarted) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    start()
