"""`gunicorn -c gunicorn_conf.py`: several workers, one set of metrics."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.processes import free_port, running
from inference.worker import create_app
from tests.inference.calls import Caller, calling, wait_for_health
from tests.inference.models import FULL, three_inputs
from tests.inference.pods import put_in_force
from tests.places import REPOSITORY
from tests.waiting import wait_until
from tests.world import Server, new_world

ROW = {"amount": 0.5}
WORKERS = 2


@dataclass(frozen=True)
class Workers:
    """A running gunicorn with two ready workers."""

    address: str
    master: subprocess.Popen[bytes]
    log: Path
    temporary: Path

    @property
    def pids(self) -> set[int]:
        shown = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.master.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return {int(one) for one in shown.stdout.split()}

    def sample(self, name: str, **labels: str) -> float | None:
        """A sample of /metrics; None where there is none."""
        text = httpx.get(f"{self.address}/metrics").text
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                if one.name == name and labels.items() <= one.labels.items():
                    return one.value
        return None

    def answered(self) -> float:
        """The requests to /predict that were answered, over all workers."""
        return self.sample("fraud_requests_total", route="/predict", status="200") or 0


@pytest.fixture(scope="module")
def workers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    world = new_world(server, folder)
    put_in_force(world, folder, 0.25)
    port, temporary = free_port(), folder / "tmp"
    temporary.mkdir()
    environment = {
        "MLFLOW_TRACKING_URI": server.uri,
        "FRAUD_LEDGER_CONFIG": str(world.config),
        "FRAUD_CACHE": str(folder / "cache"),
        "FRAUD_PORT": str(port),
        "FRAUD_AUTH": "off",
        "FRAUD_DRAIN_SECONDS": "0",
        "FRAUD_POLL_SECONDS": "0.3",
        "WEB_CONCURRENCY": str(WORKERS),
        "TMPDIR": str(temporary),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", str(REPOSITORY / "gunicorn_conf.py")]
    with running(command, folder / "log", environment) as master:
        found = Workers(f"http://127.0.0.1:{port}", master, folder / "log", temporary)
        wait_for_health(found.address, 200)
        wait_until(lambda: found.sample("fraud_model_info") == WORKERS)
        yield found
        world.client.delete_registered_model("fraud-detector-production")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MLFLOW_TRACKING_URI", "./mlruns", "error: set MLFLOW_TRACKING_URI to the tracking "),
        ("FRAUD_LEDGER_CONFIG", "/nowhere/ledger.yaml", "error: no ledger configuration at "),
        ("FRAUD_PORT", "0", "error: FRAUD_PORT: Input should be greater than or equal to 1"),
        ("FRAUD_CACHE", "/dev/null", "error: the cache /dev/null is not writable "),
        ("FRAUD_METRICS_TOKENS", "/nowhere/tokens", "error: the token file /nowhere/tokens "),
    ],
)
def test_a_wrong_setting_ends_gunicorn_with_one_line(
    name: str, value: str, said: str, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/1")
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        create_app()
    assert str(end.value).startswith(said)
    assert "\n" not in str(end.value)


def test_gunicorn_makes_the_app_from_the_environment(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/1")
    with calling(create_app()) as made:
        assert made.serve(three_inputs()).predict(FULL).json()["probability"] == 0.75


def test_another_server_is_refused_with_one_line(caller: Caller) -> None:
    with pytest.raises(SystemExit) as end:
        create_app()
    assert str(end.value) == (
        "error: another server would not bound what a client may send; run "
        "`python -m inference`, or `gunicorn -c gunicorn_conf.py` for several workers"
    )


def test_each_worker_answers_and_the_metrics_are_summed_over_them(workers: Workers) -> None:
    before = workers.answered()
    answers = [httpx.post(f"{workers.address}/predict", json=ROW) for _ in range(40)]
    assert {one.json()["probability"] for one in answers} == {0.125}
    # A worker that is not scraped itself counts its queued requests within a second.
    wait_until(lambda: workers.answered() == before + 40)
    for _ in range(5):  # whichever worker is asked
        assert workers.answered() == before + 40
        assert workers.sample("fraud_model_info", version="1") == WORKERS
    counted = workers.sample("fraud_request_seconds_count", route="/predict")
    assert counted == before + 40
    assert workers.sample("fraud_decisions_total", decision="approve") == before + 40


def test_a_killed_worker_is_replaced_and_its_gauges_leave_the_sums(workers: Workers) -> None:
    before = workers.pids
    assert len(before) == WORKERS
    counted = workers.answered()
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in workers.pids and len(workers.pids) == WORKERS)
    wait_until(lambda: workers.sample("fraud_model_info") == WORKERS)
    for _ in range(10):
        assert httpx.post(f"{workers.address}/predict", json=ROW).json()["probability"] == 0.125
    assert workers.sample("fraud_model_info") == WORKERS
    (folder,) = workers.temporary.glob("fraud-metrics-*")
    assert list(folder.glob(f"gauge_live*_{killed}.db")) == []
    wait_until(lambda: workers.answered() == counted + 10)  # what it had counted stays counted


def test_sighup_and_sigusr1_to_a_worker_do_not_end_it(workers: Workers) -> None:
    before = workers.pids
    said = workers.log.read_text().count("SIGHUP: reading the token files again")
    for pid in before:
        os.kill(pid, signal.SIGUSR1)
        os.kill(pid, signal.SIGHUP)
    text = "SIGHUP: reading the token files again"
    wait_until(lambda: workers.log.read_text().count(text) == said + WORKERS)
    assert workers.pids == before
    assert httpx.post(f"{workers.address}/predict", json=ROW).json()["probability"] == 0.125


def test_sighup_to_gunicorn_replaces_the_workers_and_keeps_what_they_counted(
    workers: Workers,
) -> None:
    before, counted = workers.pids, workers.answered()
    workers.master.send_signal(signal.SIGUSR1)
    workers.master.send_signal(signal.SIGHUP)
    wait_until(lambda: len(workers.pids) == WORKERS and not workers.pids & before)
    wait_until(lambda: workers.sample("fraud_model_info") == WORKERS)
    for _ in range(10):
        assert httpx.post(f"{workers.address}/predict", json=ROW).json()["probability"] == 0.125
    wait_until(lambda: workers.answered() == counted + 10)
    assert len(list(workers.temporary.glob("fraud-metrics-*"))) == 1


def test_a_worker_bounds_heads_and_logs_as_json(workers: Workers) -> None:
    where = urlsplit(workers.address)
    for sent in (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"no HTTP\r\n\r\n"):
        with socket.create_connection((str(where.hostname), where.port or 80), 10) as connection:
            connection.sendall(sent)
            answer = connection.recv(65536)
        assert answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    wait_until(lambda: "invalid HTTP request" in workers.log.read_text())
    lines = [line for line in workers.log.read_text().splitlines() if "invalid HTTP" in line]
    assert {json.loads(line)["logger"] for line in lines} == {"uvicorn.error"}


def test_at_the_end_its_folder_of_metrics_is_gone(workers: Workers) -> None:
    assert len(list(workers.temporary.glob("fraud-metrics-*"))) == 1
    workers.master.send_signal(signal.SIGTERM)
    workers.master.wait(20)
    assert list(workers.temporary.glob("fraud-metrics-*")) == []
    assert "Traceback" not in workers.log.read_text()
