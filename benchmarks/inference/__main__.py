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
from benchmarks.inference.environments import KEPT, installed
from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.measure import Round, check, cores, measure, started
from benchmarks.inference.production import Production, put_in_production
from benchmarks.inference.servers import Server
from deploy.local.processes import NotStarted, free_port, mlflow_server

FOLDER = KEPT / "run"


def all_servers(production: Production, core: int) -> list[Server]:
    """Every server, the constants with an answer of ours. Raises CannotMeasure."""
    python = str(installed("inference") / "python")
    names = production.rows.names
    uri, config = production.tracking_uri, production.ledger_config
    ours = servers.ours(python, uri, config, names, records=False)
    answer = FOLDER / "answer.json"
    with started(ours, core, FOLDER / "logs" / "sample.log") as ready:
        answer.write_bytes(check(ours, ready.address, production.rows))
    return [
        servers.bare(python, answer, names),
        ours,
        servers.ours(python, uri, config, names, records=True),
        servers.hello(python, answer, names),
        peers.mlflow_serve(production),
        *peers.mlserver(installed("mlserver"), production, FOLDER / "mlserver"),
        *peers.bentoml(installed("bentoml"), production, FOLDER / "bentoml"),
    ]


def main(
    seconds: Annotated[float, typer.Option(help="Of each load in each round.")] = 5,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 3,
    only: Annotated[list[str] | None, typer.Option(help="Servers by name; repeatable.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all here.")] = None,
) -> None:
    """Measure our service beside bare functions and its peers, and say which targets it reaches.

    Example: make bench-inference ARGS="--seconds 2 --rounds 1 --only ours --only 'bare ASGI'"
    """
    server_core, load_core = cores()
    os.sched_setaffinity(0, {load_core})
    shutil.rmtree(FOLDER, ignore_errors=True)
    load_before = os.getloadavg()[0]
    k6 = installed("k6") / "k6"
    with mlflow_server(FOLDER / "mlflow", free_port()) as tracking_uri:
        production = put_in_production(tracking_uri, FOLDER)
        chosen = _chosen(all_servers(production, server_core), only or [])
        measured: dict[str, list[Round]] = {one.name: [] for one in chosen}
        for number in range(rounds):
            for one in chosen:
                log = FOLDER / "logs" / f"{one.name}.log"
                a_round = measure(one, production.rows, server_core, k6, seconds, log)
                measured[one.name].append(a_round)
                print(f"round {number + 1}: {one.name}: {_in_short(a_round)}", flush=True)
    medians = {name: report.median(each) for name, each in measured.items()}
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(report.measures_table(medians, rounds))
    console.print(report.targets_table(medians))
    if json_file:
        about = {"seconds": seconds, "load_average_before": load_before}
        content = {**about, **report.as_json(measured, medians)}
        json_file.write_text(json.dumps(content, indent=2) + "\n")


def _in_short(one: Round) -> str:
    # A server that is the bottleneck has its core to itself, or the machine is not quiet.
    busy = one.requests_per_second * one.cpu_ms / 1e3
    return f"{one.requests_per_second:,.0f} requests/s with {busy:.0%} of its core"


def _chosen(known: Sequence[Server], only: Sequence[str]) -> list[Server]:
    names = [one.name for one in known]
    if unknown := sorted(set(only) - set(names)):
        raise CannotMeasure(f"no server is called {unknown[0]!r}; there are {', '.join(names)}")
    return [one for one in known if not only or one.name in only]


def _terminated(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def start() -> None:
    """Run the benchmark; whatever ends it, everything that it started is ended too."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        typer.run(main)
    except (CannotMeasure, NotStarted) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    start()
