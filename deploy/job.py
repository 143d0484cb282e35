"""`python -m deploy.job`: one Job of the chart, from its suspended CronJob, followed to its end.

The CronJob says image, identity, secrets, limits and deadline; this says with which arguments it
runs now. Standard output is the log of its container, and the exit code is that container's, so
that a pipeline reads it as if the command had run in place.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TextIO
from uuid import uuid4

import typer

from deploy.kubernetes import Changes, Cluster
from deploy.one_line_errors import one_line_errors
from registry.cli.stop import Stopped, stopped_by_signals
from registry.errors import RegistryError, Unreachable, UsageError

START_SECONDS = 600.0
"""For a node, the image and the secrets; a cluster that scales up takes minutes."""
POLL_SECONDS = 1.0
MAX_AWAY = 30
"""Polls in a row that the cluster may leave unanswered."""
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")
"""RFC 1123 label, with room for the suffix of the pod's name."""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def run_job(cluster: Cluster, name: str, output: Sequence[TextIO]) -> int:
    """Follow a Job that was created: its log to `output`, its container's exit code.

    A log that breaks off is read again, without what was written. Raises Unreachable where the
    container does not start in time, is ended without an exit code, or the cluster stays away;
    the Job is then left as it is.
    """
    deadline, written, away = time.monotonic() + START_SECONDS, 0, 0
    while True:
        try:
            state = cluster.state(name)
            away = 0
        except Unreachable:
            away += 1
            if away > MAX_AWAY:
                raise
            time.sleep(POLL_SECONDS)
            continue
        if state.started:
            written = cluster.follow(state.pod, written, output)
        if state.exit_code is not None:
            if state.problem:
                typer.echo(f"job {name}: {state.problem}", err=True)
            return state.exit_code
        if state.problem:
            raise Unreachable(f"job {name}: {state.problem}")
        if not state.started and time.monotonic() > deadline:
            why = state.waits_for or "its pod did not start; see `kubectl describe`"
            raise Unreachable(f"job {name}: {why}")
        time.sleep(POLL_SECONDS)


def job(
    cronjob: Annotated[str, typer.Argument(help="The CronJob, such as fraud-training.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="Arguments of `python -m`, after `--`. Default: the CronJob's own."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the Job, which must be new.")] = "",
    namespace: Annotated[
        str, typer.Option(envvar="FRAUD_NAMESPACE", help="Namespace of the chart.")
    ] = "fraud",
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=VALUE]",
            help="A variable of the Job; without a value, that of this process. Repeatable. "
            "Everyone who may read Jobs can read it: no secrets.",
        ),
    ] = None,
    image: Annotated[str, typer.Option(help="Another image than the CronJob's.")] = "",
    output: Annotated[Path | None, typer.Option(help="Also write the log to this file.")] = None,
) -> None:
    """Run one Job of the chart on the cluster, print its log, and end with its exit code.

    If this is interrupted, the Job is deleted.

    Example: python -m deploy.job fraud-training -- training train --data simulated
    """
    name = name or f"{cronjob}-{time.time_ns() // 1_000_000}"
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of a Job: at most 52 of a-z, 0-9 and -")
    changes = Changes(uuid4().hex, tuple(arguments or ()), tuple(map(_variable, env or ())), image)
    cluster = Cluster(namespace)
    with (output or Path(os.devnull)).open("w") as copy:
        try:
            cluster.create(cronjob, name, changes)
            typer.echo(f"job {name} in namespace {namespace}", err=True)
            code = run_job(cluster, name, (sys.stdout, copy))
        except (Stopped, KeyboardInterrupt):
            # By its label, since a Job of that name may be another's.
            with suppress(RegistryError):
                cluster.delete(changes.label)
            raise
    raise typer.Exit(code)


def _variable(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not VARIABLE.fullmatch(name):
        raise UsageError(f"--env {text[:50]!r}: not NAME or NAME=VALUE")
    if given:
        return name, value
    if name not in os.environ:
        raise UsageError(f"--env {name}: the variable is not set")
    return name, os.environ[name]


app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
app.command()(job)


def main() -> None:
    """Run the command line; a RegistryError ends in one line and its exit code."""
    try:
        with stopped_by_signals(), one_line_errors():
            app(prog_name="python -m deploy.job")
    except Stopped as stopped:
        sys.exit(stopped.exit_code)


if __name__ == "__main__":
    main()
