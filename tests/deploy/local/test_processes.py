"""Processes stop with their children, and the error for one that does not start names its log."""

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
    port_in_use,
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
    """Whether a process runs; a zombie does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.mark.parametrize("program", [PARENT, DEAF_PARENT])
def test_the_children_of_a_process_stop_with_it(
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


def test_a_process_stops_when_its_caller_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="of the caller"),
        running(SLEEP, tmp_path / "log") as process,
    ):
        raise RuntimeError("of the caller")

    assert process.returncode == -signal.SIGTERM


def test_a_process_that_has_already_ended_can_be_stopped(tmp_path: Path) -> None:
    with running([sys.executable, "-c", "raise SystemExit(7)"], tmp_path / "log") as process:
        process.wait(30)

    assert process.returncode == 7


def test_a_process_is_out_of_reach_of_the_terminals_ctrl_c(tmp_path: Path) -> None:
    with running(SLEEP, tmp_path / "log") as process:
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)


def test_a_process_inherits_our_environment_plus_what_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")
    show = [sys.executable, "-c", "import os; print(os.environ['OURS'], os.environ['ADDED'])"]
    with running(show, tmp_path / "log", {"ADDED": "2"}) as process:
        process.wait(30)

    assert (tmp_path / "log").read_text() == "1 2\n"


@pytest.mark.parametrize("ours", ["false", "true"])
def test_in_a_process_mlflow_runs_no_code_of_a_model_unless_our_environment_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: str
) -> None:
    monkeypatch.delenv("MLFLOW_ALLOW_MODEL_CODE_EXECUTION", raising=False)
    if ours == "true":
        monkeypatch.setenv("MLFLOW_ALLOW_MODEL_CODE_EXECUTION", ours)
    variable = "os.environ['MLFLOW_ALLOW_MODEL_CODE_EXECUTION']"
    show = [sys.executable, "-c", f"import os; print({variable})"]
    with running(show, tmp_path / "log") as process:
        process.wait(30)

    assert (tmp_path / "log").read_text() == f"{ours}\n"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 (closed at once)
def test_a_port_is_in_use_while_a_process_listens(address: str) -> None:
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert port_in_use(port)
    assert not port_in_use(port)


def test_a_free_port_is_not_in_use() -> None:
    assert not port_in_use(free_port())


def test_the_error_for_a_process_that_ends_instead_of_answering_names_its_log(
    tmp_path: Path,
) -> None:
    log = tmp_path / "server.log"
    url = f"http://127.0.0.1:{free_port()}/health"
    with (
        pytest.raises(NotStarted) as caught,
        running([sys.executable, "-c", "raise SystemExit('no luck')"], log) as process,
    ):
        wait_until_ok(process, url, log)

    assert str(caught.value) == f"no answer from {url}; see {log}"
    assert log.read_text() == "no luck\n"


def test_a_process_that_never_answers_is_stopped_after_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "START_SECONDS", 0.3)
    log = tmp_path / "server.log"
    with pytest.raises(NotStarted, match=r"see .*server\.log"), running(SLEEP, log) as process:
        wait_until_ok(process, f"http://127.0.0.1:{free_port()}/", log)

    assert process.returncode == -signal.SIGTERM


def test_a_status_is_a_number_or_none_if_there_is_no_answer(server: Server) -> None:
    assert status_of(f"{server.uri}/health") == 200
    assert status_of(f"{server.uri}/nothing-is-here") == 404
    assert status_of(f"http://127.0.0.1:{free_port()}/") is None


def test_the_error_for_a_tracking_server_that_cannot_start_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database")

    with pytest.raises(NotStarted) as caught, mlflow_server(tmp_path, free_port()):
        pass

    assert str(caught.value).endswith(f"see {tmp_path}/mlflow.log")
    assert "file is not a database" in (tmp_path / "mlflow.log").read_text()


def test_an_inference_service_without_a_ledger_logs_the_reason(
    server: Server, tmp_path: Path
) -> None:
    log = tmp_path / "inference.log"
    service = inference_service(server.uri, tmp_path / "none.yaml", free_port(), log)
    with pytest.raises(NotStarted), service as (address, process):
        wait_until_ok(process, f"{address}/healthcheck", log)

    assert "no ledger configuration at" in log.read_text()
