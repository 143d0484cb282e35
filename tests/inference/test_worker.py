"""`gunicorn -c gunicorn_conf.py`: several workers, one set of metrics."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from inference.worker import create_app
from tests.inference.calls import Caller, calling, is_closed_when_idle
from tests.inference.models import FULL, three_inputs
from tests.inference.pods import put_in_force
from tests.inference.spooled import folders, records_in
from tests.inference.workers import Workers, running_workers
from tests.waiting import wait_until
from tests.world import Server, lasting, new_world

ROW = {"amount": 0.5}
WORKERS = 2


@pytest.fixture(scope="module")
def workers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    with lasting(new_world(server, folder)) as world:
        put_in_force(world, folder, 0.25)
        with running_workers(world, folder, WORKERS) as found:
            yield found


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
    assert list(folder.glob(f"*_{killed}.*")) == []  # its counts are continued by the new worker
    wait_until(lambda: workers.answered() == counted + 10)  # what it had counted stays counted
    wait_until(lambda: rows_counted(workers) >= counted + 10)


def rows_counted(workers: Workers) -> float:
    return workers.sample("fraud_input_rows_total", input="amount", bin="-inf..inf") or 0


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
    wait_until(lambda: workers.answered() >= counted + 10)
    assert len(list(workers.temporary.glob("fraud-metrics-*"))) == 1


def test_a_worker_closes_idle_connections_as_late_as_the_setting_says(workers: Workers) -> None:
    assert is_closed_when_idle(workers.address, 4)


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


def test_a_killed_worker_is_replaced_where_the_folder_of_metrics_is_gone(workers: Workers) -> None:
    (folder,) = workers.temporary.glob("fraud-metrics-*")
    shutil.rmtree(folder)
    killed = min(workers.pids)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in workers.pids and len(workers.pids) == WORKERS)
    wait_until(lambda: list(folder.glob("serves_*.json")) != [])  # of the new worker
    assert httpx.post(f"{workers.address}/predict", json=ROW).json()["probability"] == 0.125
    assert "the gauges of an ended worker are not removed" in workers.log.read_text()


def test_at_the_end_its_folder_of_metrics_is_gone(workers: Workers) -> None:
    assert len(list(workers.temporary.glob("fraud-metrics-*"))) == 1
    workers.master.send_signal(signal.SIGTERM)
    workers.master.wait(20)
    assert list(workers.temporary.glob("fraud-metrics-*")) == []
    assert "Traceback" not in workers.log.read_text()


def test_each_record_arrives_once_although_a_worker_is_killed(
    server: Server, tmp_path: Path
) -> None:
    world = new_world(server, tmp_path)
    put_in_force(world, tmp_path, 0.25)
    spool, destination = folders(tmp_path)
    sink = {"FRAUD_RECORDS_TO": str(destination), "FRAUD_RECORDS_SPOOL": str(spool)}
    with running_workers(world, tmp_path, WORKERS, **sink) as workers:
        killed = min(workers.pids)
        for _ in range(20):
            httpx.post(f"{workers.address}/predict", json=ROW).raise_for_status()
        wait_until(lambda: workers.sample("fraud_records_written_total") == 20)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: killed not in workers.pids and len(workers.pids) == WORKERS)
        wait_until(lambda: workers.sample("fraud_model_info") == WORKERS)
        for _ in range(20):
            httpx.post(f"{workers.address}/predict", json=ROW).raise_for_status()
    paths = destination.rglob("*.parquet")
    requests = [record["request_id"] for path in paths for record in records_in(path)]
    assert len(requests) == len(set(requests)) == 40
    world.client.delete_registered_model("fraud-detector-production")
