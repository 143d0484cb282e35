"""Services with the model of `make bench-inference`, as processes on one core.

The Handbook's 5,000 customers and 10,000 terminals; as many transactions of 30 days as asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from benchmarks.features.streams import HANDBOOK_CARDS, LATENESS, PLAN, later, spread
from benchmarks.inference.measure import cores, started
from benchmarks.inference.production import Rows, put_in_production
from benchmarks.inference.servers import Server, ours
from benchmarks.paths import CACHE
from deploy.local.processes import free_port, mlflow_server
from deploy.local.redis_server import redis_server
from features.stores.opening import open_store
from inference.history_upkeep import shown_time

FOLDER = CACHE / "features"
ENTITIES = ("customer_id", "terminal_id")


@dataclass(frozen=True)
class Pod:
    """A service that is ready, with records of its predictions, as is the default."""

    name: str
    url: str
    body: Callable[[int], str]
    """The JSON of the request of a number, on one line."""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0


def of_transaction(number: int) -> str:
    """A transaction as it is, no two alike."""
    sent = later(number, cards=HANDBOOK_CARDS)
    at = shown_time(sent.time, zoned=False).isoformat()
    fields = {"transaction_id": sent.id, "time": at, "amount": sent.amount}
    return json.dumps({**fields, **dict(zip(ENTITIES, sent.entities, strict=True))})


def of_vector(server: Server, rows: Rows) -> Callable[[int], str]:
    """The model's 15 inputs."""
    bodies = server.bodies(rows)
    return lambda number: bodies[number % len(bodies)]


@contextmanager
def pods(events: int) -> Iterator[tuple[str, Sequence[Pod]]]:
    """The URL of Redis, and three pods: with it, with an embedded store, and for all 15 inputs.

    Both stores hold `events` transactions. Meanwhile this process, and Redis with it, has the core
    that the services do not have. Raises CannotMeasure and NotStarted.
    """
    usable = os.sched_getaffinity(0)
    service_core, own_core = cores()
    shutil.rmtree(FOLDER, ignore_errors=True)
    with ExitStack() as stack:
        os.sched_setaffinity(0, {own_core})
        stack.callback(os.sched_setaffinity, 0, usable)
        uri = stack.enter_context(mlflow_server(FOLDER / "mlflow", free_port()))
        redis = stack.enter_context(redis_server(FOLDER / "redis")).url
        production = put_in_production(uri, FOLDER)
        rows, config = production.rows, production.ledger_config
        vector = ours(sys.executable, uri, config, rows.names, records=True)
        stores = {"Redis": redis, "memory": f"memory:{FOLDER / 'history'}"}
        servers = {"15 inputs": (vector, of_vector(vector, rows))}
        for name, url in stores.items():
            asyncio.run(_fill(url, events))
            settings = {
                "FRAUD_FEATURES": "service",
                "FRAUD_FEATURE_STORE": url,
                "FRAUD_MAX_AHEAD_SECONDS": "0",
            }
            server = replace(vector, environment={**vector.environment, **settings})
            servers[name] = (server, of_transaction)
        made = []
        for name, (server, body) in servers.items():
            log = FOLDER / "logs" / f"{name}.log"
            ready = stack.enter_context(started(replace(server, name=name), service_core, log))
            made.append(Pod(name, ready.address + server.path, body))
        yield redis, made


async def _fill(url: str, events: int) -> None:
    store = open_store(url, ENTITIES, reach=PLAN.reach, lateness=LATENESS)
    try:
        await store.load(spread(events, cards=HANDBOOK_CARDS))
    finally:
        await store.close()
