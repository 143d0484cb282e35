"""The shipped rules and routes: a service that dies makes its alerts, which reach whom they should.

In a real Prometheus and a real Alertmanager, with a second for each minute.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from deploy.local.processes import free_port, inference_service
from registry.model.contract import Window
from tests.components import program
from tests.contracts import contract_of, number
from tests.deploy.monitoring.promtool import RULES, each_second
from tests.inference.calls import wait_for_health
from tests.inference.models import append_signed, weighted_sum, write_contract_model
from tests.places import REPOSITORY
from tests.prometheus import alertmanager, scraping
from tests.waiting import wait_until
from tests.world import World

ROUTES = REPOSITORY / "deploy" / "monitoring" / "alertmanager.yaml"


def amtool(*arguments: str) -> str:
    command = [program("amtool", "apt-get install prometheus-alertmanager"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


@dataclass(frozen=True)
class Receivers:
    """Where Alertmanager sends: path, token and names of the alerts of each message."""

    address: str
    got: list[tuple[str, str, list[str]]] = field(default_factory=list)


@contextmanager
def receivers() -> Iterator[Receivers]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            names = [one["labels"]["alertname"] for one in message["alerts"]]
            started.got.append((self.path, self.headers["Authorization"], names))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        started = Receivers(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield started
        server.shutdown()


def configured(folder: Path, address: str) -> Path:
    """The shipped configuration, which waits no longer than a second, with receivers of a test."""
    text = re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", ROUTES.read_text())
    config = folder / "alertmanager.yaml"
    config.write_text(re.sub(r"https://(\w+)\.example\.com", rf"{address}/\1", text))
    (folder / "secrets").mkdir()
    for name in ("pager", "tickets"):
        (folder / "secrets" / f"{name}-token").write_text(f"token of {name}")
    return config


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "pager"), ("warning", "tickets")])
def test_amtool_accepts_the_routes_and_finds_who_hears_of_an_alert(
    severity: str, receiver: str
) -> None:
    assert "SUCCESS" in amtool("check-config", str(ROUTES))
    test = ("config", "routes", "test", f"--config.file={ROUTES}", f"severity={severity}")
    assert amtool(*test) == f"{receiver}\n"


def test_a_service_that_is_killed_pages_within_the_time_of_the_rule(
    world: World, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    contract = contract_of(number("amount"), training_window=Window(start=now, end=now))
    append_signed(world, write_contract_model(tmp_path / "model", weighted_sum(1), contract))
    manager = f"http://127.0.0.1:{free_port()}"

    with (
        receivers() as receiving,
        inference_service(
            world.server.uri, world.config, free_port(), tmp_path / "service.log"
        ) as (service, process),
        scraping(
            *(service, each_second(RULES.read_text()), tmp_path),
            job="fraud-inference",
            alertmanager=manager,
        ) as prometheus,
        ExitStack() as stack,
    ):
        wait_for_health(service, 200)
        wait_until(lambda: len(prometheus.ask("fraud_model_info")) == 1)
        wait_until(lambda: not prometheus.alerts())
        # Only now: before its first scrape, Prometheus sees no service.
        stack.enter_context(alertmanager(configured(tmp_path, receiving.address), manager))
        os.killpg(process.pid, signal.SIGKILL)
        wait_until(lambda: len(receiving.got) == 1)
        wait_until(lambda: len(prometheus.alerts()) == 2)
        log = tmp_path / "alertmanager.log"
        wait_until(lambda: "msg=flushing alerts=[FraudPodDown" in log.read_text())
        arrived = {
            one["labels"]["alertname"]: (one["status"]["state"], one["annotations"]["runbook_url"])
            for one in httpx.get(f"{manager}/api/v2/alerts").json()
        }

    assert arrived == {
        "FraudServiceAbsent": ("active", "docs/operations/runbooks.md#fraudserviceabsent"),
        "FraudPodDown": ("suppressed", "docs/operations/runbooks.md#fraudpoddown"),
    }
    assert receiving.got == [("/pager/fraud", "Bearer token of pager", ["FraudServiceAbsent"])]
