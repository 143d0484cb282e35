"""The server's parent in a container: what it passes on, and when it ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SERVER = """
import signal, sys, time
def stop(*_):
    print("stopping", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
print("started", flush=True)
time.sleep(60)
"""


def started(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deploy.tracking.first_process", sys.executable, "-c", program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_sigterm_reaches_the_server_and_its_exit_code_is_kept() -> None:
    process = started(SERVER)
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    process.terminate()
    assert process.communicate(timeout=30)[0] == "stopping\n"
    assert process.returncode == 3


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),
    ],
)
def test_a_server_that_ends_by_itself_ends_it_with_its_exit_code(program: str, code: int) -> None:
    process = started(program)
    process.communicate(timeout=30)
    assert process.returncode == code
