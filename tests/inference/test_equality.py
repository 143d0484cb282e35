"""A real service on the Handbook's transactions gives the features of training, to the bit.

A store is filled with the transactions before 8 August 2018; those that follow are sent in order,
some of them twice, with their labels as they become known. Here with the customers of a sample;
`make test-slow` sends 100,000 of all customers to each kind of store.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from deploy.local.processes import free_port, inference_service
from deploy.local.redis_server import redis_cluster, redis_server
from features.online import MICROSECONDS_PER_DAY, Plan
from features.stores.opening import open_store
from registry.model.contract import Contract
from registry.model.scorer import Scorer
from tests.inference.calls import wait_for_health
from tests.inference.models import append_signed, weighted_sum, write_contract_model
from tests.places import shared_data
from tests.redis_servers import needs_redis
from tests.world import World
from training import past
from training.contract_writer import describe_inputs, write_contract
from training.data import read_data
from training.dataset import read_dataset

UNTIL = datetime(2018, 8, 8)
DATASET = read_dataset("handbook_extended")
LABEL_DELAY_US = DATASET.delay_days * MICROSECONDS_PER_DAY
ATTEMPTS = 50


@dataclass(frozen=True)
class Stream:
    """The data with training's features, the contract, and a model of all its inputs."""

    path: Path
    frame: pl.DataFrame
    contract: Contract
    model: bytes


def stream_of(folder: Path, *, customers: int | None) -> Stream:
    """The Handbook's transactions of the first so many customers; all, if None."""
    raw = pl.read_parquet(shared_data("handbook_transactions.parquet"))
    if customers is not None:
        raw = raw.filter(pl.col("CUSTOMER_ID").cast(pl.Int64) < customers)
    path = folder / "transactions.parquet"
    raw.write_parquet(path)
    data = read_data(str(path), DATASET)
    inputs = describe_inputs(data, data.frame)
    contract = write_contract(data, "handbook_extended", data.frame, inputs, 0.5, "fixed")
    model = weighted_sum(*(0.001 / (1 + place) for place in range(len(inputs))))
    return Stream(path, data.frame, contract, model)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return stream_of(tmp_path_factory.mktemp("sample"), customers=100)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return stream_of(tmp_path_factory.mktemp("all"), customers=None)


@contextmanager
def store_of(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty store."""
    if kind == "memory":
        yield f"memory:{folder / 'store'}"
        return
    needs_redis()
    if kind == "cluster":
        with redis_cluster(folder / "cluster") as nodes:
            yield f"{nodes[0].url}?cluster=true"
    else:
        with redis_server(folder / "redis") as server:
            yield server.url


def fill(url: str, stream: Stream) -> None:
    rows = past.until(past.read_past(str(stream.path), DATASET), DATASET, UNTIL)

    async def load() -> None:
        plan = Plan(stream.contract.history_features)
        kinds = tuple(DATASET.entities)
        store = open_store(url, kinds, reach=plan.reach, lateness=MICROSECONDS_PER_DAY)
        try:
            assert await store.load(past.transactions(rows, DATASET)) > 0
        finally:
            await store.close()

    asyncio.run(load())


class Client:
    """Sends to services in turn at random; what is away for a moment is asked again."""

    def __init__(self, addresses: Sequence[str], seed: random.Random) -> None:
        hosts = [address.removeprefix("http://") for address in addresses]
        self._connections = [http.client.HTTPConnection(host, timeout=30) for host in hosts]
        self._random = seed

    def post(self, path: str, body: Any) -> Any:
        for _ in range(ATTEMPTS):
            connection = self._random.choice(self._connections)
            connection.request("POST", path, json.dumps(body).encode())
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 200:
                return json.loads(text)
            assert answer.status == 503, text
        raise AssertionError("the store was away for too long")

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def send(client: Client, stream: Stream, count: int, seed: random.Random) -> None:
    """Send the transactions after UNTIL, and compare each answer with training's features."""
    time, id_ = DATASET.time.column, DATASET.id
    assert id_ is not None
    names, entities = stream.contract.names, tuple(DATASET.entities)
    computed = sorted(stream.contract.computed)
    rows = stream.frame.filter(pl.col(time) >= UNTIL).head(count)
    assert len(rows) == count
    ids = past.read_past(str(stream.path), DATASET)
    rows = rows.with_columns(ids.filter(pl.col(time) >= UNTIL).head(count)[past.ID])
    columns = np.column_stack([rows[name].to_numpy() for name in names]).astype(np.float32)
    scores = Scorer(stream.model, stream.contract).score_one_by_one(columns)
    labels = ids.filter(pl.col(time) > UNTIL - pl.duration(days=DATASET.delay_days)).select(
        past.ID, pl.col(time).to_physical().alias("time"), DATASET.label
    )
    waiting = deque(labels.drop_nulls(DATASET.label).iter_rows())
    now = rows[time].to_physical().to_list()
    for place, row in enumerate(rows.iter_rows(named=True)):
        due = []
        while waiting and waiting[0][1] + LABEL_DELAY_US <= now[place]:
            labelled, _, fraud = waiting.popleft()
            due.append({"transaction_id": labelled, "fraud": bool(fraud)})
        for begin in range(0, len(due), 1000):
            results = client.post("/labels", {"labels": due[begin : begin + 1000]})["results"]
            assert {each["result"] for each in results} <= {"recorded", "repeated"}
        transaction = {
            id_: row[past.ID],
            time: row[time].isoformat(),
            DATASET.amount: row[DATASET.amount],
            **{entity: row[entity] for entity in entities},
        }
        for _ in range(2 if seed.random() < 0.05 else 1):
            answer = client.post("/predict?explain=true", transaction)
            assert {name: answer["features"][name] for name in computed} == {
                name: row[name] for name in computed
            }, transaction
            assert answer["probability"] == float(scores[place])


def run(kind: str, stream: Stream, count: int, world: World, folder: Path) -> None:
    seed = random.Random(1)
    append_signed(world, write_contract_model(folder / "model", stream.model, stream.contract))
    with ExitStack() as stack:
        url = stack.enter_context(store_of(kind, folder))
        fill(url, stream)
        settings = {"FRAUD_FEATURES": "service", "FRAUD_FEATURE_STORE": url, "FRAUD_RECORDS": "off"}
        addresses = []
        for number in range(2 if kind == "two pods" else 1):
            service = inference_service(
                world.server.uri, world.config, free_port(), folder / f"log {number}", **settings
            )
            address, _ = stack.enter_context(service)
            wait_for_health(address, 200)
            addresses.append(address)
        client = stack.enter_context(closing(Client(addresses, seed)))
        send(client, stream, count, seed)


KINDS = ["memory", "redis", "cluster", "two pods"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_gets_the_features_of_training(
    kind: str, sample: Stream, world: World, tmp_path: Path
) -> None:
    assert len(sample.contract.computed) == 24
    run(kind, sample, 1_000, world, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_get_the_features_of_training(
    kind: str, everything: Stream, world: World, tmp_path: Path
) -> None:
    run(kind, everything, 100_000, world, tmp_path)
