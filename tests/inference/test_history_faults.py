"""What a client of a real service sees, and what is lost, where processes fail under it.

Faults of a store alone are in tests/features/stores; docs/features.md has the table of all.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from deploy.local.processes import free_port, inference_service
from deploy.local.redis_server import redis_server
from tests.contracts import raw_contract
from tests.inference.calls import samples_of, wait_for_health
from tests.inference.models import append_signed, raw_weights, write_contract_model
from tests.inference.sending import sent
from tests.redis_servers import needs_redis
from tests.waiting import wait_until
from tests.world import World

KILLED_AFTER = 100
PATIENT = {"FRAUD_STORE_TIMEOUT_MS": "10000", "FRAUD_STORE_OPEN_SECONDS": "0.1"}


@pytest.fixture
def in_production(world: World, tmp_path: Path) -> World:
    contract = raw_contract()
    append_signed(world, write_contract_model(tmp_path / "m", raw_weights(contract), contract))
    return world


@contextmanager
def serving(world: World, folder: Path, store: str, **settings: str) -> Iterator[tuple[str, int]]:
    """The address and the process id of a service that is ready."""
    service = inference_service(
        world.server.uri,
        world.config,
        free_port(),
        folder / "log",
        FRAUD_FEATURES="service",
        FRAUD_FEATURE_STORE=store,
        FRAUD_RECORDS="off",
        **settings,
    )
    with service as (address, process):
        wait_for_health(address, 200)
        yield address, process.pid


def count_of_card(address: str, number: int, *, time: str = "") -> int:
    """Send the transaction with this number; how many the card then has."""
    time = time or f"12:{number // 60:02}:{number % 60:02}"
    answer = httpx.post(f"{address}/predict?explain=true", json=sent(str(number), time), timeout=30)
    answer.raise_for_status()
    return int(answer.json()["features"]["card_count_1d"])


def test_a_service_that_is_killed_under_load_has_lost_nothing_that_it_answered(
    in_production: World, tmp_path: Path
) -> None:
    answered = list[int]()
    store = f"memory:{tmp_path / 'store'}"
    with serving(in_production, tmp_path, store) as (address, pid):

        def send() -> None:
            try:
                for number in range(1, 3000):
                    assert count_of_card(address, number) == number
                    answered.append(number)
            except httpx.TransportError:
                pass

        client = threading.Thread(target=send)
        client.start()
        wait_until(lambda: len(answered) >= KILLED_AFTER)
        os.kill(pid, signal.SIGKILL)
        client.join(30)
        assert not client.is_alive()

    last = answered[-1]
    with serving(in_production, tmp_path, store) as (address, _):
        assert [count_of_card(address, number) for number in range(1, last + 1)] == answered
        samples = samples_of(httpx.get(f"{address}/metrics", timeout=30).text)
        assert samples["fraud_history_transactions_total{result=repeated}"] == last
        assert samples["fraud_history_transactions_total{result=new}"] == 0
        # The one that was not answered may have been recorded; to send it again is safe.
        assert count_of_card(address, last + 1) == last + 1
        assert count_of_card(address, last + 2) == last + 2


def test_on_a_full_disk_requests_are_refused_and_go_on_once_there_is_room(
    in_production: World, tmp_path: Path
) -> None:
    """The kernel refuses to let the journal grow, as it does on a full disk (EFBIG for ENOSPC)."""
    store = f"memory:{tmp_path / 'store'}"
    with serving(in_production, tmp_path, store) as (address, pid):
        last = 200  # so that the journal is larger than the service's log
        assert [count_of_card(address, number) for number in range(1, last + 1)][-1] == last
        (journal,) = (tmp_path / "store").glob("journal-*.jsonl")
        limit = journal.stat().st_size + 30
        assert (tmp_path / "log").stat().st_size < limit - 10_000
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        full = [
            httpx.post(f"{address}/predict", json=sent(str(last + 1), "12:03:21"), timeout=30)
            for _ in range(3)
        ]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        assert count_of_card(address, last + 1) == last + 1
    with serving(in_production, tmp_path, store) as (address, _):
        assert count_of_card(address, last + 2) == last + 2

    assert [answer.status_code for answer in full] == [503] * 3


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_transactions_of_one_card_at_the_same_moment_are_each_counted_once(
    in_production: World, tmp_path: Path, kind: str
) -> None:
    with ExitStack() as stack:
        store = "memory:"
        if kind == "redis":
            needs_redis()
            store = stack.enter_context(redis_server(tmp_path / "redis")).url
        address, _ = stack.enter_context(serving(in_production, tmp_path, store, **PATIENT))
        clients = stack.enter_context(ThreadPoolExecutor(8))
        counts = list(clients.map(partial(count_of_card, address, time="12:00:00"), range(160)))

    assert sorted(counts) == list(range(1, 161))


def test_redis_that_stands_still_holds_no_request_up_and_nothing_is_lost(
    in_production: World, tmp_path: Path
) -> None:
    needs_redis()
    settings = {"FRAUD_STORE_TIMEOUT_MS": "200", "FRAUD_STORE_FAILURES": "2"}
    with (
        redis_server(tmp_path / "redis") as redis,
        serving(in_production, tmp_path, redis.url, **settings) as (address, _),
    ):
        wait_until(lambda: _is_counted(address, 1))
        redis.process.send_signal(signal.SIGSTOP)
        try:
            refused = [
                httpx.post(f"{address}/predict", json=sent("2", "12:00:02"), timeout=30)
                for _ in range(5)
            ]
            ready = httpx.get(f"{address}/readyz", timeout=30)
        finally:
            redis.process.send_signal(signal.SIGCONT)
        wait_until(lambda: _is_counted(address, 2))
        assert count_of_card(address, 3) == 3

    assert [answer.status_code for answer in refused] == [503] * 5
    assert refused[-1].headers["retry-after"] == "5"
    # Two waited for Redis, after which none does: the last ones are answered at once.
    assert refused[-1].elapsed < refused[0].elapsed
    assert ready.status_code == 200


def test_redis_that_is_killed_and_started_again_has_what_was_answered(
    in_production: World, tmp_path: Path
) -> None:
    needs_redis()
    options = ("--appendonly", "yes", "--appendfsync", "everysec")
    with redis_server(tmp_path / "redis", *options) as redis:
        port, url = redis.port, redis.url
        with serving(in_production, tmp_path, url, **PATIENT) as (address, _):
            assert [count_of_card(address, number) for number in (1, 2, 3)] == [1, 2, 3]
            redis.process.kill()
            redis.process.wait()
            away = httpx.post(f"{address}/predict", json=sent("4", "12:00:04"), timeout=30)
            with redis_server(tmp_path / "redis", *options, port=port):
                wait_until(lambda: _is_counted(address, 4))
                assert count_of_card(address, 5) == 5
    assert away.status_code == 503


def _is_counted(address: str, number: int) -> bool:
    try:
        return count_of_card(address, number) == number
    except httpx.HTTPStatusError:
        return False
