"""Which rows are sent, and what a real service answers to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from deploy.local import traffic
from deploy.local.processes import free_port, inference_service, status_of, wait_until_ok
from registry.model.scorer import open_model
from tests.candidates import NAMES, contract, files_of, saved_model
from tests.deploy.local import held_out
from tests.waiting import wait_until
from tests.world import World


def test_one_row_in_twenty_is_a_fraud_and_rows_are_in_time_order(tmp_path: Path) -> None:
    rows = traffic.choose(held_out.write(tmp_path / "rows.parquet"), 1000)

    assert len(rows) == 1000
    assert rows["_label"].sum() == 50
    assert rows["_time"].is_sorted()
    assert rows["_time"].n_unique() == 1000
    assert rows.columns == [*NAMES, "_label", "_time"]


def test_the_same_rows_are_chosen_every_time(tmp_path: Path) -> None:
    path = held_out.write(tmp_path / "rows.parquet")

    assert traffic.choose(path, 100).equals(traffic.choose(path, 100))


def test_all_rows_are_taken_where_frauds_or_rows_are_few(tmp_path: Path) -> None:
    few_frauds = held_out.write(tmp_path / "few.parquet", count=300, frauds=3)

    assert traffic.choose(few_frauds, 200)["_label"].sum() == 3
    assert len(traffic.choose(few_frauds, 200)) == 200
    assert len(traffic.choose(few_frauds, 1000)) == 300


def test_a_service_answers_each_row_and_one_without_a_model_is_an_error(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = traffic.choose(held_out.write(tmp_path / "held-out.parquet"), 60)
    log = tmp_path / "inference.log"
    service = inference_service(world.server.uri, world.config, free_port(), log)
    with service as (address, process):
        wait_until(lambda: status_of(f"{address}/healthcheck") == 503)
        reference, _ = world.evaluate(world.register())
        with pytest.raises(requests.HTTPError, match="503"):
            traffic.send(address, rows, contract())
        world.promote(reference)
        wait_until_ok(process, f"{address}/healthcheck", log)
        exchanges = traffic.send(address, rows, contract())

    scorer = open_model(files_of(saved_model(1.0)))
    assert [item.transaction["risk_7d"] for item in exchanges] == rows["risk_7d"].to_list()
    assert [item.fraud for item in exchanges] == (rows["_label"] == 1).to_list()
    assert exchanges[0].time == f"{rows['_time'][0]:%m-%d %H:%M}"
    for exchange in exchanges:
        row = scorer.encode([exchange.transaction[name] for name in NAMES])
        assert exchange.answer["probability"] == float(scorer.score(row)[0])
    traffic.show(exchanges)
    shown = capsys.readouterr().out
    reviewed = [item for item in exchanges if item.answer["decision"] == "review"]
    frauds = sum(item.fraud for item in reviewed)
    assert f"review: {frauds} frauds and {len(reviewed) - frauds} genuine transactions" in shown
    assert "20 of 60 transactions from the held-out days" in shown
