"""Every hostile client of `docs/attacks.md`, all at once, beside an honest one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.local.processes import free_port, inference_service, running
from tests.inference.calls import ALICE, BOB, samples_of, wait_for_health
from tests.inference.hostile import (
    HOSTILE_CLIENTS,
    ROW,
    HostileClient,
    Target,
    hostile_table,
)
from tests.inference.pods import put_in_force
from tests.places import REPOSITORY
from tests.world import Server, lasting, new_world

FILES = 200


@dataclass(frozen=True)
class Outcomes:
    """What each client got, by its name, and what the honest one beside them got."""

    by_name: dict[str, str]
    honest: list[str]
    metrics: dict[str, float]


async def all_outcomes(target: Target) -> Outcomes:
    honest: list[str] = []

    async def ask() -> None:
        while True:
            honest.append(await target.post("/predict", ROW))
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    said = await asyncio.gather(*(one.attempt(target) for one in HOSTILE_CLIENTS))
    asking.cancel()
    headers = {"authorization": "Bearer alice"}
    async with httpx.AsyncClient(base_url=target.address, headers=headers) as client:
        metrics = samples_of((await client.get("/metrics")).text)
    names = [one.name for one in HOSTILE_CLIENTS]
    return Outcomes(dict(zip(names, said, strict=True)), honest, metrics)


@contextmanager
def few_files(uri: str, config: Path, folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """A service that may have FILES open files and sockets."""
    port = free_port()
    environment = {
        "MLFLOW_TRACKING_URI": uri,
        "FRAUD_LEDGER_CONFIG": str(config),
        "FRAUD_CACHE": str(folder / "narrow-cache"),
        "FRAUD_PORT": str(port),
        **settings,
    }
    command = ["prlimit", f"--nofile={FILES}", sys.executable, "-m", "inference"]
    with running(command, folder / "narrow-log", environment):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def outcomes(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "tokens").write_text(f"{ALICE}\n{BOB}\n")
    with ExitStack() as stack:
        world = stack.enter_context(lasting(new_world(server, folder)))
        put_in_force(world, folder, 0.25)
        settings = {
            "FRAUD_AUTH": "on",
            "FRAUD_TOKENS": str(folder / "tokens"),
            "FRAUD_REQUEST_SECONDS": "5",
            "FRAUD_IDLE_SECONDS": "5",  # some clients wait until they are disconnected
        }
        log = folder / "log"
        address, _ = stack.enter_context(
            inference_service(server.uri, world.config, free_port(), log, **settings)
        )
        narrow = stack.enter_context(few_files(server.uri, world.config, folder, settings))
        for one in (address, narrow):
            wait_for_health(one, 200)
        return asyncio.run(all_outcomes(Target(address, narrow, log)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("client", HOSTILE_CLIENTS, ids=lambda client: client.name)
def test_a_hostile_client_is_refused(client: HostileClient, outcomes: Outcomes) -> None:
    assert outcomes.by_name[client.name][: len(client.outcome)] == client.outcome


def test_an_honest_client_beside_them_is_served(outcomes: Outcomes) -> None:
    assert len(outcomes.honest) > 50
    assert {one[:3] for one in outcomes.honest} == {"200"}
    assert all('"probability":0.125' in one for one in outcomes.honest)


def test_refused_connections_and_requests_are_counted(outcomes: Outcomes) -> None:
    reasons = ("head", "headers", "url", "framing", "pipelined", "unwanted body", "header timeout")
    for reason in reasons:
        assert outcomes.metrics[f"fraud_connections_closed_total{{reason={reason}}}"] >= 1
    assert outcomes.metrics["fraud_requests_total{route=/predict,status=422}"] >= 100


def test_the_documentation_holds_every_hostile_client() -> None:
    text = (REPOSITORY / "docs" / "attacks.md").read_text()
    assert hostile_table(HOSTILE_CLIENTS) in text, "update it: python -m tests.registry.attacks"
