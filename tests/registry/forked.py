"""Processes that are forked after their imports, and what they do.

They are forked from `multiprocessing`'s fork server and not from pytest's own process, which has
threads by then (ONNX runtime, polars): a fork copies the locks that those hold, but not them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import requests

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
FORKS.set_forkserver_preload(["pytest", __name__])
IMPORTED_BY = os.getpid()
"""The process that ran this module's imports: in a forked one, its parent."""

PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Place:
    """Where a promotion process finds its server, ledger, key and policy."""

    uri: str
    config: Path
    key: Path
    policy: Path


Deed = Callable[[Place], Link]


@dataclass(frozen=True)
class Promotion:
    """`registry promote REFERENCE` by `approver`."""

    reference: str
    approver: str

    def __call__(self, place: Place) -> Link:
        trust = read_trust(place.config)
        link, _ = promote.promote(
            connect(place.uri),
            trust,
            open_signer(f"file2:{place.key}", trust),
            self.reference,
            (Approval(self.approver, "better"),),
            place.policy,
        )
        return link


@dataclass(frozen=True)
class Append:
    """One statement, signed and appended as it is."""

    statement: Statement

    def __call__(self, place: Place) -> Link:
        trust = read_trust(place.config)
        signer = open_signer(f"file2:{place.key}", trust)
        return append(connect(place.uri), trust, signer, self.statement)


@dataclass(frozen=True)
class Told:
    """What one of many processes was told, and the ledger that it read when all had finished."""

    number: int
    imported_by: int
    pid: int
    link: Link | None
    error: str
    """The exception's name and message; empty where it won."""
    ledger: Ledger


def all_at_once(place: Place, deeds: list[Deed]) -> list[Told]:
    """Do each deed in a process of its own, all released at once; return what each was told."""
    start, finished = FORKS.Barrier(len(deeds)), FORKS.Barrier(len(deeds))
    answers = FORKS.Queue()
    processes = [
        FORKS.Process(target=_act, args=(number, place, deed, start, finished, answers))
        for number, deed in enumerate(deeds)
    ]
    try:
        for process in processes:
            process.start()
        told = [answers.get(timeout=2 * PATIENCE_SECONDS) for _ in processes]
        for process in processes:
            process.join(PATIENCE_SECONDS)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
    return sorted(told, key=lambda one: int(one.number))


def _act(number: int, place: Place, deed: Deed, start: Any, finished: Any, answers: Any) -> None:
    link, error = None, ""
    _say_into(Path(os.devnull))
    start.wait(PATIENCE_SECONDS)
    try:
        link = deed(place)
    except RegistryError as raised:
        error = f"{type(raised).__name__}: {raised}"
    except Exception as raised:  # the test names it; without an answer it would only wait
        error = f"unexpected {raised!r}"
    finished.wait(PATIENCE_SECONDS)
    ledger = read_ledger(connect(place.uri), read_trust(place.config))
    answers.put(Told(number, IMPORTED_BY, os.getpid(), link, error, ledger))


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or minus the signal that ended it, and what it said."""

    code: int
    output: str


def registry(
    *arguments: str, environment: dict[str, str], log: Path, killed_after: int = 0
) -> Ended:
    """`python -m registry ARGUMENTS` in a process of its own.

    With `killed_after` it is killed (SIGKILL) as soon as the answer to its so-manieth remote call
    has arrived, if it makes as many.
    """
    process: BaseProcess = FORKS.Process(
        target=_command_line, args=(arguments, environment, log, killed_after)
    )
    process.start()
    process.join(PATIENCE_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"registry {' '.join(arguments)}: {log.read_text()}")
    return Ended(process.exitcode, log.read_text())


def _command_line(
    arguments: tuple[str, ...], environment: dict[str, str], log: Path, killed_after: int
) -> None:
    os.environ.update(environment)
    for name in ("GITHUB_ACTIONS", "JENKINS_URL"):  # there, nobody may say who approves
        os.environ.pop(name, None)
    sys.argv = ["registry", *arguments]
    _say_into(log)
    if killed_after:
        _kill_after(killed_after)
    main.main()


def _say_into(path: Path) -> None:
    """Let this process write its standard output and error into a file."""
    with path.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)


def _kill_after(answers: int) -> None:
    """Let this process be killed once so many answers of whatever server have arrived."""
    send, lock = requests.Session.send, threading.Lock()
    arrived = 0

    def send_and_perhaps_die(*arguments: Any, **options: Any) -> requests.Response:
        nonlocal arrived
        response = send(*arguments, **options)
        with lock:
            arrived += 1
            if arrived == answers:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()
        return response

    requests.Session.send = send_and_perhaps_die  # type: ignore[method-assign]
