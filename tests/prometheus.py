"""A real Prometheus that scrapes a real service every second, and a real Alertmanager."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local.processes import free_port, running, status_of
from tests.components import program
from tests.waiting import wait_until


@dataclass(frozen=True)
class Prometheus:
    """Its HTTP API."""

    address: str

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample of the answer."""
        answer = self._get("query", query=query)
        return [(one["metric"], float(one["value"][1])) for one in answer["result"]]

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that fire or are pending, with their labels, annotations and state."""
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return found

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.address}/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def scraping(
    service: str,
    rules: str,
    folder: Path,
    job: str = "fraud",
    *,
    token: str = "",
    alertmanager: str = "",
) -> Iterator[Prometheus]:
    """Start one that scrapes the service at an address, and evaluates rules every second.

    It shows the service a bearer `token`, and sends alerts to an `alertmanager` at an address.
    """
    command = [program("prometheus", "apt-get install prometheus")]
    (folder / "rules.yaml").write_text(rules)
    target = {"targets": [service.removeprefix("http://")]}
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [target],
                **({"authorization": {"credentials": token}} if token else {}),
            }
        ],
    }
    if alertmanager:
        receiving = {"targets": [alertmanager.removeprefix("http://")]}
        settings["alerting"] = {"alertmanagers": [{"static_configs": [receiving]}]}
    config = folder / "prometheus.yaml"
    config.write_text(json.dumps(settings))
    address = f"127.0.0.1:{free_port()}"
    command += [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with running(command, folder / "prometheus.log", {}):
        wait_until(lambda: status_of(f"http://{address}/-/ready") == 200)
        yield Prometheus(f"http://{address}")


@contextmanager
def alertmanager(config: Path, address: str) -> Iterator[None]:
    """Start one with a configuration, listening at an address."""
    command = [
        program("prometheus-alertmanager", "apt-get install prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={config.parent / 'alertmanager'}",
        f"--web.listen-address={address.removeprefix('http://')}",
        "--cluster.listen-address=",
        "--log.level=debug",
    ]
    with running(command, config.parent / "alertmanager.log", {}):
        wait_until(lambda: status_of(f"{address}/-/ready") == 200)
        yield
