"""The dashboards *Service* and *Model* on a real service: no panel is empty."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.local.processes import free_port, inference_service
from deploy.monitoring.dashboards import model, service
from deploy.monitoring.dashboards.panel import SWAPS
from tests.contracts import raw_contract
from tests.deploy.monitoring.promql import filled
from tests.deploy.monitoring.promtool import RULES, each_second
from tests.inference.calls import ALICE, wait_for_health
from tests.inference.models import append_signed, raw_weights, write_contract_model
from tests.inference.sending import sent
from tests.prometheus import Prometheus, scraping
from tests.waiting import wait_until
from tests.world import Server, World, lasting, new_world

QUERIES = {
    **{
        f"{panel.title}, {number}": filled(query.expression, input="amount")
        for dashboard in (service.DASHBOARD, model.DASHBOARD)
        for panel in dashboard.panels
        for number, query in enumerate(panel.queries, start=1)
    },
    **{choice.name: choice.series for choice in model.DASHBOARD.choices},
    "swaps": SWAPS.expression,
}


class Story:
    """A service's life: no model at first, a promotion, traffic with errors, and a swap."""

    def __init__(self, address: str, world: World, folder: Path) -> None:
        self.address = address
        self._world, self._folder = world, folder
        self._ids = count()

    def promote(self, name: str, **contract: float) -> None:
        written = raw_contract(**contract)
        append_signed(
            self._world, write_contract_model(self._folder / name, raw_weights(written), written)
        )

    def post(self, path: str, body: object) -> int:
        headers = {"Authorization": "Bearer alice"}
        url = f"{self.address}{path}"
        return httpx.post(url, json=body, headers=headers, timeout=30).status_code

    def a_thousand_at_once(self) -> None:
        batch = [sent(f"batch {number}") for number in range(1000)]
        assert self.post("/predict/batch", {"transactions": batch}) == 200

    def go_on(self) -> None:
        """A good transaction with its label, an invalid one, and a client with a huge header."""
        id_ = f"single {next(self._ids)}"
        assert self.post("/predict", sent(id_)) == 200
        assert self.post("/predict", {**sent("invalid"), "amount": "much"}) == 422
        label = {"transaction_id": id_, "fraud": True, "known_at": "2026-03-09T12:00:00Z"}
        assert self.post("/labels", {"labels": [label]}) == 200
        where = urlsplit(self.address)
        with socket.create_connection((str(where.hostname), where.port or 80), 10) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nx: %s\r\n" % (b"x" * 20_000))
            assert b" 431 " in connection.recv(100)


@pytest.fixture
def story(server: Server, tmp_path: Path) -> Iterator[tuple[Story, Prometheus]]:
    with ExitStack() as stack:
        world = stack.enter_context(lasting(new_world(server, tmp_path)))
        tokens = tmp_path / "tokens"
        tokens.write_text(f"{ALICE} predict,labels\n")
        address, _ = stack.enter_context(
            inference_service(
                *(server.uri, world.config, free_port(), tmp_path / "service.log"),
                FRAUD_AUTH="on",
                FRAUD_TOKENS=str(tokens),
                FRAUD_POLL_SECONDS="0.5",
            )
        )
        wait_for_health(address, 503)
        rules = each_second(RULES.read_text())
        prometheus = stack.enter_context(
            scraping(address, rules, tmp_path, "fraud-inference", token="alice")
        )
        yield Story(address, world, tmp_path), prometheus


def empty(prometheus: Prometheus, queries: Mapping[str, str]) -> dict[str, str]:
    """Those that return nothing, or no number."""
    return {
        name: query
        for name, query in queries.items()
        if not any(math.isfinite(value) for _, value in prometheus.ask(query))
    }


def test_no_panel_is_empty_after_errors_and_a_swap(story: tuple[Story, Prometheus]) -> None:
    life, prometheus = story
    assert life.post("/predict", sent("too early")) == 503
    life.promote("first")
    wait_for_health(life.address, 200)
    life.a_thousand_at_once()
    life.promote("second", threshold=0.4)
    wait_until(lambda: prometheus.ask("sum(fraud_swaps_total)") == [({}, 1.0)])
    life.a_thousand_at_once()

    left = QUERIES

    def all_full() -> bool:
        nonlocal left
        life.go_on()
        left = empty(prometheus, left)
        return not left

    with suppress(AssertionError):
        wait_until(all_full)
    assert left == {}
