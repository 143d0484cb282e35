"""Many requests through many swaps, with a registry that is down half of the time."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.local.processes import free_port, inference_service
from registry.lifecycle.approval import Approval
from registry.lifecycle.rollback import rollback
from registry.model.scorer import open_model
from tests.candidates import files_of
from tests.contracts import number
from tests.inference.calls import wait_for_health
from tests.inference.models import append_signed, weighted_sum, write_model
from tests.inference.relay import Relay, relayed
from tests.world import World

CONNECTIONS = 8
ROWS = 50
NAMES = ("amount", "count_7d", "risk_7d")
SWITCH_SECONDS = 0.5
"""For so long the registry is away, then for so long it is there."""
PATIENCE_SECONDS = 30.0
MOST_GROWTH_KB = 8 * 1024
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Models:
    """What each version of the ledger answers for each row, worked out beside the service."""

    world: World
    folder: Path
    rows: list[tuple[float, ...]]
    expected: dict[int, list[float]] = field(default_factory=dict)

    def change(self) -> int:
        """Promote another model, or roll back every third time; the new ledger version."""
        version = len(self.expected) + 1
        if version % 3:
            chance = random.Random(version)
            weights = [chance.uniform(0.1, 0.3) for _ in NAMES]
            model = weighted_sum(*weights)
            folder = write_model(self.folder / str(version), model, *map(number, NAMES))
            self.expected[version] = self._answers(folder)
            append_signed(self.world, folder)
        else:
            world, back = self.world, version - 2
            self.expected[version] = self.expected[back]
            reason = Approval("github:alice", "as agreed")
            link, _ = rollback(world.client, world.trust, world.signer, back, reason)
            assert link.version == version
        return version

    def _answers(self, folder: Path) -> list[float]:
        scorer = open_model(files_of(folder))
        return [float(scorer.score(scorer.encode(row))[0]) for row in self.rows]


@dataclass
class Traffic:
    """Requests over keep-alive connections, each response compared with its version's model."""

    address: str
    models: Models
    answered: int = 0
    newest: int = 0
    wrong: list[str] = field(default_factory=list)
    enough: bool = False

    def has_answered(self, requests: int) -> bool:
        return self.answered >= requests

    def has_seen(self, version: int) -> bool:
        return self.newest == version

    async def send(self) -> None:
        """Over one connection, until there is enough."""
        where = urlsplit(self.address)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        bodies = [json.dumps(dict(zip(NAMES, row, strict=True))) for row in self.models.rows]
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length:"
        requests = [f"{head} {len(body)}\r\n\r\n{body}".encode() for body in bodies]
        before = 0
        while not self.enough:
            for number_of_row, request in enumerate(requests):
                writer.write(request)
                start = await reader.readuntil(b"\r\n\r\n")
                found = LENGTH.search(start)
                assert found, start
                answer = await reader.readexactly(int(found[1]))
                before = self._check(number_of_row, start, answer, before)
        writer.close()
        await writer.wait_closed()

    def _check(self, row: int, head: bytes, body: bytes, before: int) -> int:
        self.answered += 1
        if not head.startswith(b"HTTP/1.1 200 "):
            self.wrong.append(f"{head!r} {body!r}")
            return before
        answer = json.loads(body)
        version: int = answer["model_version"]
        if answer["probability"] != self.models.expected[version][row] or version < before:
            self.wrong.append(f"after version {before}: {answer}")
        self.newest = max(self.newest, version)
        return version


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def switch(relay: Relay) -> None:
    """The registry goes and comes, for ever."""
    while True:
        relay.go_down()
        await asyncio.sleep(SWITCH_SECONDS)
        relay.come_up()
        await asyncio.sleep(SWITCH_SECONDS)


def memory_kb(pid: int) -> int:
    """Resident memory of a process."""
    (line,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line)


async def soak(traffic: Traffic, relay: Relay, requests: int, swaps: int, pid: int) -> list[int]:
    """Send the requests with the swaps spread over them; the memory after each swap, in kB."""
    used: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        switching = tasks.create_task(switch(relay))
        for _ in range(CONNECTIONS):
            tasks.create_task(traffic.send())
        for swap in range(swaps):
            await until(partial(traffic.has_answered, requests * swap // swaps))
            version = await asyncio.to_thread(traffic.models.change)
            await until(partial(traffic.has_seen, version))
            used.append(memory_kb(pid))
        await until(partial(traffic.has_answered, requests))
        used.append(memory_kb(pid))
        traffic.enough = True
        switching.cancel()
    return used


@pytest.mark.parametrize(
    ("requests", "swaps"),
    [(4_000, 6), pytest.param(200_000, 50, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
def test_no_request_fails_or_names_the_wrong_model_and_memory_stays_flat(
    world: World, tmp_path: Path, requests: int, swaps: int
) -> None:
    chance = random.Random(1)
    rows = [tuple(chance.uniform(0, 1) for _ in NAMES) for _ in range(ROWS)]
    models = Models(world, tmp_path, rows)
    assert models.change() == 1
    quick, log = {"FRAUD_POLL_SECONDS": "0.2"}, tmp_path / "log"
    with (
        relayed(world.server.uri) as relay,
        inference_service(relay.uri, world.config, free_port(), log, **quick) as (address, process),
    ):
        wait_for_health(address, 200)
        traffic = Traffic(address, models)
        used = asyncio.run(soak(traffic, relay, requests, swaps, process.pid))
        relay.come_up()
        metrics = httpx.get(f"{address}/metrics").text
    print(f"{traffic.answered} answers, {swaps} swaps, memory {used} kB")
    assert traffic.wrong == []
    assert traffic.answered >= requests
    assert traffic.newest == swaps + 1
    assert f"fraud_swaps_total {swaps}.0\n" in metrics
    assert f'status="200"}} {traffic.answered}.0' in metrics
    assert 'fraud_swaps_failed_total{reason="unreachable"}' in metrics
    warm = used[len(used) // 3]
    assert used[-1] - warm < MOST_GROWTH_KB, f"{used} kB"
