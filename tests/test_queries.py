"""The PromQL of the documentation, in a real Prometheus that scrapes a real service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
import yaml

from deploy.local.processes import free_port, inference_service
from registry.model.contract import Histogram
from tests.contracts import number
from tests.inference.calls import wait_for_health
from tests.inference.models import append_signed, weighted_sum, write_model
from tests.places import REPOSITORY
from tests.prometheus import Prometheus, scraping
from tests.waiting import wait_until
from tests.world import Server, lasting, new_world

DOCS = sorted(REPOSITORY.glob("docs/**/*.md"))
QUERIES = [
    query
    for page in DOCS
    for query in re.findall(r"^```promql\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
]
RULES = [
    rules
    for page in DOCS
    for rules in re.findall(r"^```yaml\n(groups:.*?)^```$", page.read_text(), re.M | re.DOTALL)
]
EXPRESSIONS = [
    rule["expr"]
    for rules in RULES
    for group in yaml.safe_load(rules)["groups"]
    for rule in group["rules"]
]
INDEX = "input:stability_index:1d"
HISTOGRAM = Histogram(edges=(0.5,), counts=(60, 40))
"""Of the third bin, that of missing rows, there are none, in training and in service."""


@dataclass(frozen=True)
class Monitored:
    """A service, and the Prometheus that scrapes it every second."""

    service: str
    prometheus: Prometheus

    def send(self, rows: int) -> None:
        """Rows of which one tenth has a low `shifted`, and six tenths a low `stable`."""
        for begin in range(0, rows, 1000):
            batch = [
                {"shifted": 0.1 if row % 10 < 1 else 0.9, "stable": 0.1 if row % 10 < 6 else 0.9}
                for row in range(begin, min(begin + 1000, rows))
            ]
            answer = httpx.post(f"{self.service}/predict/batch", json={"transactions": batch})
            assert answer.status_code == 200

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        return self.prometheus.ask(query)

    def rows(self) -> float:
        """The rows of the last day, as Prometheus has seen them."""
        return max((value for _, value in self.ask("input:scored_rows:increase1d")), default=0)

    def alerts(self) -> set[str]:
        """The inputs for which an alert fires."""
        return {one["labels"]["input"] for one in self.prometheus.alerts()}


@pytest.fixture(scope="module")
def monitored(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    folder = tmp_path_factory.mktemp("prometheus")
    inputs = [number(name, histogram=HISTOGRAM) for name in ("shifted", "stable")]
    with ExitStack() as stack:
        world = stack.enter_context(lasting(new_world(server, folder)))
        append_signed(world, write_model(folder / "model", weighted_sum(0.5, 0.5), *inputs))
        service, _ = stack.enter_context(
            inference_service(server.uri, world.config, free_port(), folder / "service.log")
        )
        wait_for_health(service, 200)
        prometheus = stack.enter_context(scraping(service, RULES[0], folder))
        found = Monitored(service, prometheus)
        wait_until(lambda: len(found.ask("fraud_input_rows_total >= 0")) == 6)
        yield found


def test_the_documentation_has_rules_for_drift_and_a_query() -> None:
    assert len(RULES) == 1
    assert len(QUERIES) >= 1


def test_of_few_rows_there_is_no_index_and_no_alert(monitored: Monitored) -> None:
    monitored.send(500)
    wait_until(lambda: monitored.rows() >= 500)
    assert monitored.ask(INDEX) == []
    assert monitored.alerts() == set()


def test_an_input_that_has_shifted_fires_an_alert_and_no_other(monitored: Monitored) -> None:
    monitored.send(2000)
    wait_until(lambda: monitored.rows() >= 2500 and len(monitored.ask(INDEX)) == 2)
    wait_until(lambda: monitored.alerts() == {"shifted"})
    index = {labels["input"]: value for labels, value in monitored.ask(INDEX)}
    # (0.1 - 0.6) ln(0.1 / 0.6) + (0.9 - 0.4) ln(0.9 / 0.4), worked out by hand.
    assert index == pytest.approx({"shifted": 1.301345, "stable": 0}, abs=1e-3)
    exported = monitored.ask("max by (input) (fraud_input_stability_index)")
    since_loaded = {labels["input"]: value for labels, value in exported}
    assert since_loaded == pytest.approx({"shifted": 1.301345, "stable": 0}, abs=1e-3)


@pytest.mark.parametrize("query", [*QUERIES, *EXPRESSIONS])
def test_every_query_of_the_documentation_returns_numbers(monitored: Monitored, query: str) -> None:
    if monitored.rows() < 1000:  # where this test runs alone
        monitored.send(2000)
    wait_until(lambda: monitored.alerts() == {"shifted"})
    values = [value for _, value in monitored.ask(query)]
    assert values
    assert all(abs(value) < 1e9 for value in values)  # neither NaN nor infinity
