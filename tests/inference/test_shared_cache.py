"""Several gunicorn workers on one cache, killed in the middle of a swap."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from registry.lifecycle.approval import Approval
from registry.lifecycle.rollback import rollback
from registry.tracking.names import PRODUCTION
from tests.inference.pods import at, put_in_force
from tests.inference.relay import relayed
from tests.inference.workers import Workers, running_workers
from tests.waiting import wait_until
from tests.world import World

WORKERS = 3
PADDING = 4_000_000
SECONDS = 90.0


def test_workers_on_one_cold_cache_that_are_killed_in_a_swap_all_end_on_the_head(
    world: World, tmp_path: Path
) -> None:
    """Of ledger version n + 1, the model answers 0.5 × its weight, and no other answer occurs."""
    folder = tmp_path / "cache" / world.trust.ledger_id
    weights = (0.25, 0.5, 0.75)
    put_in_force(world, tmp_path, weights[0], padding=os.urandom(PADDING))
    with (
        relayed(world.server.uri) as relay,
        running_workers(at(relay.uri, world), tmp_path, WORKERS) as workers,
        answers_of(workers) as answers,
    ):
        for version, weight in enumerate(weights[1:], 2):
            relay.holds_back = False
            relay.most_bytes = PADDING // 2  # a download stops in the middle
            put_in_force(world, tmp_path, weight, padding=os.urandom(PADDING))
            wait_until(lambda: relay.holds_back, SECONDS)
            kill_all(workers)
            relay.most_bytes = 0
            relay.go_down()
            relay.come_up()
            all_serve(workers, version)
            assert list(folder.glob("partial-*")) == []

        approval = Approval("github:alice", "false alerts")
        rollback(world.client, world.trust, world.signer, 1, approval)
        kill_all(workers)
        all_serve(workers, 4)
        head = world.ledger.head
        assert head
        assert head.statement.manifest.digest in {path.name for path in folder.glob("models/*")}
        assert list(folder.glob("partial-*")) == []
        wait_until(lambda: (4, 0.125) in answers)
    assert answers <= {(1, 0.125), (2, 0.25), (3, 0.375), (4, 0.125)}
    log = workers.log.read_text()
    assert "Traceback" not in log
    assert "damaged" not in log
    world.client.delete_registered_model(PRODUCTION)


def kill_all(workers: Workers) -> None:
    """Kill every worker, and wait until gunicorn has started as many others."""
    killed = workers.pids
    assert len(killed) == WORKERS
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(workers.pids - killed) == WORKERS, SECONDS)


def all_serve(workers: Workers, version: int) -> None:
    def check() -> bool:
        try:
            return workers.sample("fraud_model_info", version=str(version)) == WORKERS
        except httpx.TransportError:  # of a worker that was killed
            return False

    wait_until(check, SECONDS)


@contextmanager
def answers_of(workers: Workers) -> Iterator[set[tuple[int, float]]]:
    """Ledger version and probability of all answers that callers get meanwhile."""
    answers, stopped = set[tuple[int, float]](), threading.Event()

    def call() -> None:
        while not stopped.wait(0.02):
            try:
                answer = httpx.post(f"{workers.address}/predict", json={"amount": 0.5})
            except httpx.TransportError:  # of a worker that was killed
                continue
            if answer.status_code == 200:
                body = answer.json()
                answers.add((body["model_version"], body["probability"]))

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        thread.join()
