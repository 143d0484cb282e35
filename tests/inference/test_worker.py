"""`gunicorn -c gunicorn_conf.py`: several workers, one set of metrics."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.inference.pods import put_in_force
from tests.inference.workers import Workers, running_workers
from tests.waiting import wait_until
from tests.world import Server, new_world

ROW = {"amount": 0.5}
WORKERS = 2


@pytest.fixture(scope="module")
def workers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    world = new_world(server, folder)
    put_in_force(world, folder, 0.25)
    with running_workers(world, folder, WORKERS) as found:
        yield found
        world.client.delete_registered_model("fraud-detector-production")


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


def test_at_the_end_its_folder_of_metrics_is_gone(workers: Workers) -> None:
    assert len(list(workers.temporary.glob("fraud-metrics-*"))) == 1
    workers.master.send_signal(signal.SIGTERM)
    workers.master.wait(20)
    assert list(workers.temporary.glob("fraud-metrics-*")) == []
    assert "Traceback" not in workers.log.read_text()
