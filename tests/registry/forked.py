"""Processes that are forked after their imports, and the operations that they run.

They are forked from `multiprocessing`'s fork server and not from pytest's own process, which has
threads by then (ONNX runtime, Polars): a fork copies the locks of threads, but not the threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from registry.cli import main
from registry.errors import RegistryError
from registry.ledger.chain import Ledger, Link
from registry.ledger.statement import Statement
from registry.ledger.trust import open_signer, read_trust
from registry.lifecycle import promote
from registry.lifecycle.append import append
from registry.lifecycle.approval import Approval
from registry.tracking.client import connect, read_ledger

FORKS = multiprocessing.get_context("forkserver")
# What commands import when they run, here once: in each of hundreds of forks it would take seconds.
FORKS.set_forkserver_preload(
    [
        *("pytest", __name__),
        *("registry.lifecycle.evaluate", "registry.lifecycle.plan", "registry.lifecycle.verify"),
        *("registry.lifecycle.rollback", "registry.lifecycle.freeze", "registry.lifecycle.prune"),
    ]
)
IMPORTED_BY = os.getpid()
"""The process that imported this module: in a forked process, its parent."""

TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Setup:
    """The server, ledger, key and policy of a promotion process."""

    uri: str
    config: Path
    key: Path
    policy: Path


Operation = Callable[[Setup], Link]


@dataclass(frozen=True)
class Promotion:
    """`registry promote REFERENCE` by `approver`."""

    reference: str
    approver: str

    def __call__(self, setup: Setup) -> Link:
        trust = read_trust(setup.config)
        link, _ = promote.promote(
            connect(setup.uri),
            trust,
            open_signer(f"file2:{setup.key}", trust),
            self.reference,
            (Approval(self.approver, "better"),),
            setup.policy,
        )
        return link


@dataclass(frozen=True)
class Append:
    """One statement, signed and appended as it is."""

    statement: Statement

    def __call__(self, setup: Setup) -> Link:
        trust = read_trust(setup.config)
        signer = open_signer(f"file2:{setup.key}", trust)
        return append(connect(setup.uri), trust, signer, self.statement)


@dataclass(frozen=True)
class Outcome:
    """The result of one of many processes, and the ledger that it read once all had finished."""

    number: int
    imported_by: int
    pid: int
    link: Link | None
    error: str
    """The exception's name and message; empty where it won."""
    ledger: Ledger


def run_at_once(setup: Setup, operations: list[Operation]) -> list[Outcome]:
    """Run each operation in a process of its own, all released at once; return their outcomes."""
    start, finished = FORKS.Barrier(len(operations)), FORKS.Barrier(len(operations))
    queue = FORKS.Queue()
    processes = [
        FORKS.Process(target=_act, args=(number, setup, operation, start, finished, queue))
        for number, operation in enumerate(operations)
    ]
    try:
        for process in processes:
            process.start()
        outcomes = [queue.get(timeout=2 * TIMEOUT_SECONDS) for _ in processes]
        for process in processes:
            process.join(TIMEOUT_SECONDS)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
    return sorted(outcomes, key=lambda outcome: int(outcome.number))


def _act(
    number: int, setup: Setup, operation: Operation, start: Any, finished: Any, queue: Any
) -> None:
    link, error = None, ""
    _redirect_output(Path(os.devnull))
    start.wait(TIMEOUT_SECONDS)
    try:
        link = operation(setup)
    except RegistryError as raised:
        error = f"{type(raised).__name__}: {raised}"
    except Exception as raised:  # the test reports it; without an outcome it would only time out
        error = f"unexpected {raised!r}"
    finished.wait(TIMEOUT_SECONDS)
    ledger = read_ledger(connect(setup.uri), read_trust(setup.config))
    queue.put(Outcome(number, IMPORTED_BY, os.getpid(), link, error, ledger))


@dataclass(frozen=True)
class Ended:
    """The exit code of a command, or minus the signal that ended it, and its output."""

    code: int
    output: str


def registry(
    *arguments: str,
    environment: dict[str, str],
    log: Path,
    prepare: Callable[[], None] | None = None,
) -> Ended:
    """`python -m registry ARGUMENTS` in a process of its own, which calls `prepare` first."""
    process: BaseProcess = FORKS.Process(
        target=_command_line, args=(arguments, environment, log, prepare)
    )
    process.start()
    process.join(TIMEOUT_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"registry {' '.join(arguments)}: {log.read_text()}")
    return Ended(process.exitcode, log.read_text())


def _command_line(
    arguments: tuple[str, ...],
    environment: dict[str, str],
    log: Path,
    prepare: Callable[[], None] | None,
) -> None:
    os.environ.update(environment)
    for name in ("GITHUB_ACTIONS", "JENKINS_URL"):  # in CI, --approver is refused
        os.environ.pop(name, None)
    sys.argv = ["registry", *arguments]
    _redirect_output(log)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):  # nohup ignores the first
        signal.signal(number, signal.SIG_DFL)
    if prepare:
        prepare()
    main.main()


def _redirect_output(path: Path) -> None:
    """Redirect standard output and error of this process to a file."""
    with path.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
