"""`make demo`: the whole workflow from training to serving, on one machine, with the real parts."""

from __future__ import annotations

import getpass
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import polars as pl
import typer

from deploy.local import proof, traffic
from deploy.local.processes import (
    NotStarted,
    inference_service,
    port_in_use,
    stop,
    wait_until_ok,
)
from deploy.local.stack import Stack, embedded, of_a_team
from registry.errors import RegistryError
from registry.evaluation.rows import TIME
from registry.ledger.trust import read_trust
from registry.provenance.trusted import create_trusted
from registry.tracking.client import connect
from registry.tracking.head import fetch_head
from registry.tracking.names import CANDIDATES, TRAINING_EXPERIMENT
from registry.tracking.rest import Registry
from training.data import SIMULATED
from training.dataset import read_dataset

REPOSITORY = Path(__file__).resolve().parents[2]
POLICY = "deploy/local/demo-policy.yaml"
DATASET = "simulated"
INTERRUPTED = 130
"""The exit code with which typer ends on a KeyboardInterrupt."""


class Stopped(Exception):
    """The demo cannot continue; the message is for the person at the terminal."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def announce(step: str) -> None:
    print(f"\n▸ {step}", flush=True)


def run(command: list[str], environment: dict[str, str], *, capture: bool = False) -> str:
    """Print a command as one would type it, and run it. Raises Stopped if it fails."""
    print(f"$ {shlex.join(command)}", flush=True)
    words = [sys.executable, *command[1:]] if command[0] == "python" else command
    process = subprocess.Popen(
        words,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE if capture else None,
        text=True,
        # Its own process group, so that `stop` also ends the command's children.
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        stop(process)
        raise
    if capture:
        print(output, end="", flush=True)
    if process.returncode:
        raise Stopped(
            f"`{shlex.join(command[:4])} …` ended with {process.returncode}", process.returncode
        )
    return output or ""


def demo(
    yes: Annotated[bool, typer.Option("--yes", help="Approve without asking.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Check everything, then exit.")] = False,
    with_team: Annotated[
        bool,
        typer.Option("--team", help="Use PostgreSQL, Blob Storage, Redis, and a user per role."),
    ] = False,
    mlflow_port: Annotated[int, typer.Option(envvar="MLFLOW_PORT")] = 5000,
    inference_port: Annotated[int, typer.Option(envvar="FRAUD_PORT")] = 8000,
    folder: Annotated[Path, typer.Option(help="Folder for all files.")] = Path(".local"),
) -> None:
    """Train, put in Staging, evaluate, approve, promote and serve a fraud model on this machine.

    Example: make demo ARGS="--yes --once --mlflow-port 5001"
    """
    if not yes and not sys.stdin.isatty():
        raise Stopped("there is no terminal to ask for approval; add --yes", 2)
    for name, port in (("mlflow", mlflow_port), ("inference", inference_port)):
        if port_in_use(port):
            raise Stopped(
                f"port {port} is in use; free it, or choose another with --{name}-port", 2
            )
    folder = (REPOSITORY / folder).absolute()
    what = "a team's servers" if with_team else "the tracking server"
    announce(f"Starting {what} on port {mlflow_port} (the files are in {folder})")
    started = of_a_team if with_team else embedded
    with started(folder, mlflow_port) as stack:
        # Each set-up has its own ledger.
        begun, folder = time.monotonic(), folder / "team" if with_team else folder
        _train_and_promote(stack, folder, yes)
        dataset = read_dataset(DATASET)
        held_out: datetime = pl.read_parquet(folder / "rows.parquet", columns=[TIME])[TIME][0]
        stretch = traffic.choose(SIMULATED, dataset, held_out, proof.ANSWERS)
        environment = _environment(folder, stack.reader)
        store = _fill_store(stack.empty_store(), stretch.start, environment)
        log = folder / "inference.log"
        announce(f"Starting the inference service on port {inference_port}")
        with inference_service(
            stack.tracking_uri,
            folder / "ledger.yaml",
            inference_port,
            log,
            **stack.reader,
            FRAUD_FEATURES="service",
            FRAUD_FEATURE_STORE=store,
        ) as (address, process):
            wait_until_ok(process, f"{address}/healthcheck", log)
            _send_traffic(address, stack, folder, stretch, once)
            announce(f"The main job took {time.monotonic() - begun:.1f} s")
            if not once:
                _wait_for_ctrl_c(stack.tracking_uri, address, process, log)


def _environment(folder: Path, role: Mapping[str, str]) -> dict[str, str]:
    """The commands' environment: this virtual environment first, this server, this ledger."""
    return {
        **os.environ,
        **role,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "FRAUD_LEDGER_CONFIG": str(folder / "ledger.yaml"),
        "FRAUD_POLICY": str(REPOSITORY / POLICY),
    }


def _train_and_promote(stack: Stack, folder: Path, yes: bool) -> None:
    """Train and stage as the trainer, who signs what was trained; evaluate and promote as the
    promoter, who signs entries.
    """
    signing_key, training_key = folder / "signing-key.pem", folder / "training-key.pem"
    trainer = _environment(folder, stack.trainer)
    trainer["FRAUD_TRAINING_KEY"] = f"file2:{training_key}"
    promoter = _environment(folder, stack.promoter)
    promoter["FRAUD_SIGNING_KEY"] = f"file2:{signing_key}"
    for environment in (trainer, promoter):
        environment["FRAUD_PROVENANCE"] = str(folder / "provenance.yaml")
    if not (folder / "ledger.yaml").exists():
        announce("Creating a ledger and its signing key")
        keys = ["--private-key", str(signing_key), "--training-key", str(training_key)]
        run(["python", "-m", "registry", "init", *keys], promoter)
    create_trusted(folder / "provenance.yaml", training_key)
    announce("Training on the embedded data, as an MLflow Project")
    before = _newest_candidate(stack.tracking_uri)
    # A new seed each time, so that a second demo has another model to compare with the first.
    train = ["mlflow", "run", ".", "--env-manager", "local"]
    train += ["--experiment-name", TRAINING_EXPERIMENT, "-P", f"seed={before}"]
    run(train, trainer)
    candidate = _newest_candidate(stack.tracking_uri)
    if candidate == before:
        raise Stopped("training registered no candidate")

    announce("Putting the candidate in Staging and evaluating it on the held-out days")
    rows = str(folder / "rows.parquet")
    run(["python", "-m", "registry", "stage", str(candidate)], trainer)
    run(["python", "-m", "training", "rows", rows], promoter)
    evaluate = ["python", "-m", "registry", "evaluate", "--rows", rows, "--policy", POLICY]
    reference = run(evaluate, promoter, capture=True).splitlines()[-1]

    announce("Asking for approval")
    if not yes and input(f"Put candidate {candidate} in Production? [y/N] ").lower() != "y":
        raise Stopped("not approved; Production is unchanged", 3)
    comment = "approved in the demo" + (" with --yes" if yes else "")
    promote = ["python", "-m", "registry", "promote", reference, "--policy", POLICY]
    approver = f"os:{getpass.getuser()}"
    run([*promote, "--approver", approver, "--comment", comment], promoter)
    run(["python", "-m", "registry", "history"], promoter)


def _fill_store(store: str, until: datetime, environment: dict[str, str]) -> str:
    """Fill an empty feature store with what was before the transactions that are sent."""
    announce("Filling a feature store with the history before those transactions")
    load = ["python", "-m", "features", "load", "--store", store]
    run([*load, "--until", until.isoformat()], environment)
    return store


def _newest_candidate(tracking_uri: str) -> int:
    newest = connect(tracking_uri).search_model_versions(
        f"name='{CANDIDATES}'", max_results=1, order_by=["version_number DESC"]
    )
    return int(newest[0].version) if newest else 0


def _send_traffic(
    address: str, stack: Stack, folder: Path, stretch: traffic.Stretch, once: bool
) -> None:
    registry, trust = Registry(stack.tracking_uri), read_trust(folder / "ledger.yaml")
    head = fetch_head(registry, trust)
    announce(f"Sending {proof.ANSWERS:,} transactions to {address}/predict")
    exchanges = traffic.send(address, stretch, head.scorer.contract)
    traffic.show(exchanges, stretch.dataset.amount)
    print("Send one yourself:")
    example = shlex.quote(json.dumps({**exchanges[-1].transaction, "transaction_id": "mine-1"}))
    print(f"$ curl {address}/predict -d {example}")
    if not once:
        return
    announce("Checking the answers against the signed file")
    proof.prove_answers(exchanges, head.scorer, head.link)
    same = "answers are bit-identical to the signed file's on training's features and name version"
    print(f"{len(exchanges):,} {same} {head.link.version}")
    announce("Starting a second service on files with one changed byte")
    reason = proof.prove_damage_is_refused(stack, folder / "ledger.yaml", head.link)
    print(f"it stayed unready: {reason}")


def _wait_for_ctrl_c(
    tracking_uri: str, address: str, process: subprocess.Popen[bytes], log: Path
) -> None:
    announce("Everything is up")
    for name, url in {
        "MLflow UI": tracking_uri,
        "Swagger": f"{address}/docs",
        "ReDoc": f"{address}/",
        "Metrics": f"{address}/metrics",
    }.items():
        print(f"  {name:<10} {url}")
    print("Press Ctrl-C to stop", flush=True)
    while process.poll() is None:
        time.sleep(0.5)
    raise Stopped(f"the inference service ended unexpectedly; see {log}")


def _raise_keyboard_interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def main() -> None:
    """Run the demo; however it ends, all processes that it started are stopped."""
    signal.signal(signal.SIGTERM, _raise_keyboard_interrupt)
    try:
        typer.run(demo)
    except (Stopped, NotStarted, proof.NotProven, RegistryError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("\nstopped; `make demo` continues from what it left")
        raise


if __name__ == "__main__":
    main()
