"""Which transactions are sent, and what a real service answers to them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import requests

from deploy.local import traffic
from deploy.local.processes import free_port, inference_service, status_of, wait_until_ok
from deploy.local.traffic import Stretch
from features.online import MICROSECONDS_PER_DAY, Plan
from features.stores.opening import open_store
from registry.model.scorer import Scorer
from tests.deploy.local.held_out import AFTER, DATASET, contract_of, model_of
from tests.inference.models import append_signed, write_contract_model
from tests.waiting import wait_until
from tests.world import World
from training import past


def test_the_stretch_is_the_one_with_the_most_frauds(held_out: Path) -> None:
    frame = past.read_past(str(held_out), DATASET).filter(pl.col("time") >= AFTER)
    labels, times = frame["fraud"].to_list(), frame["time"].to_list()
    begins = [0] + [at for at in range(1, len(times)) if times[at] != times[at - 1]]
    most = max(sum(labels[at : at + 300]) for at in begins if at + 300 <= len(labels))

    stretch = traffic.choose(str(held_out), DATASET, AFTER, 300)

    place = frame[past.ID].to_list().index(stretch.rows[past.ID][0])
    assert stretch.rows[past.ID].to_list() == frame[past.ID].to_list()[place : place + 300]
    assert stretch.rows["fraud"].sum() == most > 0
    assert stretch.start == times[place] != times[place - 1]


def test_the_labels_are_those_that_become_known_meanwhile(held_out: Path) -> None:
    stretch = traffic.choose(str(held_out), DATASET, AFTER, 300)
    frame = past.read_past(str(held_out), DATASET)
    first, last = stretch.start, stretch.rows["time"][-1]
    delay = timedelta(days=7)
    expected = frame.filter((pl.col("time") > first - delay) & (pl.col("time") <= last - delay))

    assert stretch.labels[past.ID].to_list() == expected[past.ID].to_list()
    assert stretch.labels["fraud"].to_list() == expected["fraud"].to_list()
    assert stretch.labels["time"][0] == expected["time"][0] + delay


def test_fewer_transactions_than_asked_for_are_an_error(held_out: Path) -> None:
    with pytest.raises(ValueError, match=r"transactions since 2026-.*, not 1,000,000"):
        traffic.choose(str(held_out), DATASET, AFTER, 1_000_000)


def test_a_transaction_has_five_fields(held_out: Path) -> None:
    stretch = traffic.choose(str(held_out), DATASET, AFTER, 300)
    first = next(stretch.transactions(contract_of(held_out)))
    assert list(first) == ["transaction_id", "time", "customer_id", "terminal_id", "amount"]


def fill(url: str, stretch: Stretch, source: Path) -> None:
    rows = past.until(past.read_past(str(source), DATASET), DATASET, stretch.start)

    async def load() -> None:
        reach = Plan(DATASET.history).reach
        store = open_store(url, tuple(DATASET.entities), reach=reach, lateness=MICROSECONDS_PER_DAY)
        await store.load(past.transactions(rows, DATASET))
        await store.close()

    asyncio.run(load())


def test_a_service_answers_as_training_scores_and_one_without_a_model_is_an_error(
    world: World, tmp_path: Path, held_out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stretch = traffic.choose(str(held_out), DATASET, AFTER, 300)
    contract = contract_of(held_out)
    model = model_of(contract)
    store = f"memory:{tmp_path / 'store'}"
    fill(store, stretch, held_out)
    log = tmp_path / "inference.log"
    service = inference_service(
        world.server.uri,
        world.config,
        free_port(),
        log,
        FRAUD_FEATURES="service",
        FRAUD_FEATURE_STORE=store,
    )
    with service as (address, process):
        wait_until(lambda: status_of(f"{address}/healthcheck") == 503)
        with pytest.raises(requests.HTTPError, match="503"):
            traffic.send(address, stretch, contract)
        append_signed(world, write_contract_model(tmp_path / "model", model, contract))
        wait_until_ok(process, f"{address}/healthcheck", log)
        exchanges = traffic.send(address, stretch, contract)

    scorer = Scorer(model, contract)
    assert [item.fraud for item in exchanges] == (stretch.rows["fraud"] == 1).to_list()
    assert exchanges[0].time == f"{stretch.start:%m-%d %H:%M}"
    for exchange in exchanges:
        expected = float(scorer.score(scorer.encode(exchange.inputs))[0])
        assert exchange.answer["probability"] == expected
    assert len({item.answer["probability"] for item in exchanges}) > 100
    traffic.show(exchanges, "amount")
    shown = capsys.readouterr().out
    reviewed = [item for item in exchanges if item.answer["decision"] == "review"]
    frauds = sum(item.fraud for item in reviewed)
    assert f"review: {frauds} frauds and {len(reviewed) - frauds} genuine transactions" in shown
    assert "20 of 300 transactions from the held-out days" in shown
