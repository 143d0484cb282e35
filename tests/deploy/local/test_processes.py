"""Processes are ended with all that they started, and one that does not come up names its log."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.processes import (
    NotStarted,
    free_port,
    inference_service,
    mlflow_server,
    port_is_taken,
    running,
    status_of,
    wait_until_ok,
)
from tests.waiting import wait_until
from tests.world import Server

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
DEAF_PARENT = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + PARENT


def is_alive(process_id: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(shown) and not shown.startswith("Z")


@pytest.mark.parametrize("program", [PARENT, DEAF_PARENT])
def test_what_a_process_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    log = tmp_path / "logs" / "parent.log"
    with running([sys.executable, "-c", program], log) as parent:
        wait_until(lambda: log.read_text().endswith("\n"))
        child = int(log.read_text())
        assert is_alive(parent.pid)
        assert is_alive(child)

    wait_until(lambda: not is_alive(child), 5)
    assert parent.returncode is not None


def test_a_process_ends_where_its_user_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of the user"), running(SLEEP, tmp_path / "log") as one:
        raise RuntimeError("of the user")

    assert one.returncode == -signal.SIGTERM


def test_a_process_that_has_ended_already_can_be_stopped(tmp_path: Path) -> None:
    with running([sys.executable, "-c", "raise SystemExit(7)"], tmp_path / "log") as one:
        one.wait(30)

    assert one.returncode == 7


def test_a_process_is_out_of_reach_of_the_terminals_ctrl_c(tmp_path: Path) -> None:
    with running(SLEEP, tmp_path / "log") as one:
        assert os.getpgid(one.pid) == one.pid != os.getpgid(0)


def test_its_environment_is_ours_and_what_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")
    show = [sys.executable, "-c", "import os; print(os.environ['OURS'], os.environ['ADDED'])"]
    with running(show, tmp_path / "log", {"ADDED": "2"}) as one:
        one.wait(30)

    assert (tmp_path / "log").read_text() == "1 2\n"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 (closed at once)
def test_a_port_is_taken_while_somebody_listens(address: str) -> None:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert port_is_taken(port)
    assert not port_is_taken(port)


def test_a_free_port_is_not_taken() -> None:
    assert not port_is_taken(free_port())


def test_a_process_that_ends_instead_of_answering_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    url = f"http://127.0.0.1:{free_port()}/health"
    with (
        pytest.raises(NotStarted) as caught,
        running([sys.executable, "-c", "raise SystemExit('no luck')"], log) as one,
    ):
        wait_until_ok(one, url, log)

    assert str(caught.value) == f"no answer at {url}; {log} says why"
    assert log.read_text() == "no luck\n"


def test_a_process_that_never_answers_is_given_up_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "START_SECONDS", 0.3)
    log = tmp_path / "server.log"
    with pytest.raises(NotStarted, match=r"server\.log says why"), running(SLEEP, log) as one:
        wait_until_ok(one, f"http://127.0.0.1:{free_port()}/", log)

    assert one.returncode == -signal.SIGTERM


def test_a_status_is_a_number_or_none_where_nobody_answers(server: Server) -> None:
    assert status_of(f"{server.uri}/health") == 200
    assert status_of(f"{server.uri}/nothing-is-here") == 404
    assert status_of(f"http://127.0.0.1:{free_port()}/") is None


def test_a_tracking_server_that_cannot_start_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database")

    with pytest.raises(NotStarted) as caught, mlflow_server(tmp_path, free_port()):
        pass

    assert str(caught.value).endswith(f"{tmp_path}/mlflow.log says why")
    assert "file is not a database" in (tmp_path / "mlflow.log").read_text()


def test_an_inference_service_without_a_ledger_says_so_in_its_log(
    server: Server, tmp_path: Path
) -> None:
    log = tmp_path / "inference.log"
    service = inference_service(server.uri, tmp_path / "none.yaml", free_port(), log)
    with pytest.raises(NotStarted), service as (address, process):
        wait_until_ok(process, f"{address}/healthcheck", log)

    assert "no ledger configuration at" in log.read_text()
