"""How a forked command is killed or disturbed at a chosen point: what it is prepared with."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import requests

CHANGES = ("os.link", "os.mkdir", "os.remove", "os.rename")
"""Audit events of calls that change a folder, besides `open` for writing."""


def signal_after_responses(count: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send this process a signal once it has received so many responses through MLflow's client."""
    send, lock = requests.Session.send, threading.Lock()
    arrived = 0

    def send_and_perhaps_die(*arguments: Any, **options: Any) -> requests.Response:
        nonlocal arrived
        response = send(*arguments, **options)
        with lock:
            arrived += 1
            if arrived == count:
                os.kill(os.getpid(), number)
                if number == signal.SIGKILL:
                    signal.pause()
        return response

    requests.Session.send = send_and_perhaps_die  # type: ignore[method-assign]


def kill_before_change(folder: Path, count: int) -> None:
    """Kill this process (SIGKILL) before it changes something below `folder` for the n-th time.

    An fsync counts as a change. What it should have saved is cut in half first, as a power failure
    may leave it.
    """
    sync, changes = os.fsync, 0

    def change(path: Any) -> bool:
        """Whether this is the change at which to die."""
        nonlocal changes
        if not str(path).startswith(str(folder)):
            return False
        changes += 1
        return changes == count

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (opened or event in CHANGES) and change(arguments[0]):
            os.kill(os.getpid(), signal.SIGKILL)

    def sync_or_die(fd: Any) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if change(path):
            if path.is_file():
                os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        sync(fd)

    os.fsync = sync_or_die
    sys.addaudithook(audit)


def limit_file_size(max_bytes: int) -> None:
    """Let this process write no file beyond so many bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, resource.RLIM_INFINITY))
