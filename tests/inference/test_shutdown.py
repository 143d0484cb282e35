"""SIGTERM: not ready at once, still answering, then gone within the grace period."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.local.processes import free_port, running
from inference.serving import Serving
from inference.shutdown import drain_on_sigterm
from tests.inference.calls import wait_for_health
from tests.inference.pods import put_in_force
from tests.places import REPOSITORY
from tests.world import World

ROW = b'{"amount": 0.5}'
DRAIN_SECONDS = 1.5

SERVERS = {
    "python -m inference": ["-m", "inference"],
    "gunicorn": ["-m", "gunicorn", "-c", str(REPOSITORY / "gunicorn_conf.py")],
}


@contextmanager
def serving(
    world: World, folder: Path, program: str, **settings: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A ready service under one of the two servers."""
    port = free_port()
    command = [sys.executable, *SERVERS[program]]
    environment = {
        "MLFLOW_TRACKING_URI": world.server.uri,
        "FRAUD_LEDGER_CONFIG": str(world.config),
        "FRAUD_CACHE": str(folder / "cache"),
        "FRAUD_PORT": str(port),
        "FRAUD_AUTH": "off",
        "FRAUD_DRAIN_SECONDS": str(DRAIN_SECONDS),
        "WEB_CONCURRENCY": "1",
        **settings,
    }
    with running(command, folder / "log", environment) as process:
        address = f"http://127.0.0.1:{port}"
        wait_for_health(address, 200)
        yield address, process


def half_a_request(address: str) -> socket.socket:
    """A POST /predict whose body is on its way."""
    where = urlsplit(address)
    connection = socket.create_connection((str(where.hostname), where.port or 80), timeout=20)
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(ROW)}\r\n\r\n".encode()
    connection.sendall(head + ROW[:5])
    return connection


def rest_of(connection: socket.socket) -> bytes:
    connection.sendall(ROW[5:])
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
        if b"\r\n\r\n" in answer and answer.rstrip().endswith(b"}"):
            break
    return answer


@pytest.mark.parametrize("program", SERVERS)
def test_after_sigterm_it_is_not_ready_answers_for_a_while_and_is_gone_in_time(
    world: World, tmp_path: Path, program: str
) -> None:
    put_in_force(world, tmp_path, 0.25)
    with (
        serving(world, tmp_path, program) as (address, process),
        httpx.Client(base_url=address) as client,
    ):
        slow = half_a_request(address)
        assert client.get("/readyz").status_code == 200
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        while (answer := httpx.get(f"{address}/readyz")).status_code == 200:
            assert time.monotonic() < begin + 0.5
        assert answer.json() == {"status": "not ready", "reason": "the process is shutting down"}
        answer = httpx.post(f"{address}/predict", content=ROW)
        assert answer.json()["probability"] == 0.125
        assert answer.headers["connection"] == "close"
        assert httpx.get(f"{address}/livez").status_code == 200
        time.sleep(max(0, begin + DRAIN_SECONDS + 0.3 - time.monotonic()))
        assert process.poll() is None
        answered = rest_of(slow)
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b'"probability":0.125' in answered
        slow.close()
        assert process.wait(10) in (0, -signal.SIGTERM)
        assert time.monotonic() - begin < DRAIN_SECONDS + 5
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_second_sigterm_stops_it_at_once(world: World, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.25)
    long = {"FRAUD_DRAIN_SECONDS": "30"}
    with serving(world, tmp_path, "python -m inference", **long) as (address, process):
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        wait_for_health(address, 503, "shutting down")
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        assert time.monotonic() - begin < 10


def test_an_unfinished_request_delays_the_stop_by_the_grace_period_only(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    short = {"FRAUD_DRAIN_SECONDS": "0", "FRAUD_GRACE_SECONDS": "1"}
    with serving(world, tmp_path, "python -m inference", **short) as (address, process):
        with half_a_request(address):
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        assert 0.9 < time.monotonic() - begin < 6


def test_ctrl_c_stops_it_without_a_traceback(world: World, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.25)
    with serving(world, tmp_path, "python -m inference") as (_, process):
        process.send_signal(signal.SIGINT)
        process.wait(10)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_outside_the_main_thread_nothing_is_installed() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def install() -> None:
        drain_on_sigterm(Serving(), 1)

    thread = threading.Thread(target=lambda: asyncio.run(install()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
