"""A running gunicorn with several workers on one cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.processes import free_port, running
from tests.inference.calls import wait_for_health
from tests.places import REPOSITORY
from tests.waiting import wait_until
from tests.world import World


@dataclass(frozen=True)
class Workers:
    """A running gunicorn, whose workers were ready once."""

    address: str
    master: subprocess.Popen[bytes]
    log: Path
    temporary: Path

    @property
    def pids(self) -> set[int]:
        shown = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.master.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return {int(one) for one in shown.stdout.split()}

    def sample(self, name: str, **labels: str) -> float | None:
        """A sample of /metrics; None where there is none."""
        text = httpx.get(f"{self.address}/metrics").text
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                if one.name == name and labels.items() <= one.labels.items():
                    return one.value
        return None

    def answered(self) -> float:
        """The requests to /predict that were answered, over all workers."""
        return self.sample("fraud_requests_total", route="/predict", status="200") or 0


@contextmanager
def running_workers(world: World, folder: Path, count: int, **settings: str) -> Iterator[Workers]:
    """gunicorn with its cache, its log and its temporary files in `folder`, once all are ready."""
    port, temporary = free_port(), folder / "tmp"
    temporary.mkdir()
    environment = {
        "MLFLOW_TRACKING_URI": world.server.uri,
        "FRAUD_LEDGER_CONFIG": str(world.config),
        "FRAUD_CACHE": str(folder / "cache"),
        "FRAUD_PORT": str(port),
        "FRAUD_AUTH": "off",
        "FRAUD_DRAIN_SECONDS": "0",
        "FRAUD_IDLE_SECONDS": "1",
        "FRAUD_POLL_SECONDS": "0.3",
        "WEB_CONCURRENCY": str(count),
        "TMPDIR": str(temporary),
        **settings,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", str(REPOSITORY / "gunicorn_conf.py")]
    with running(command, folder / "log", environment) as master:
        found = Workers(f"http://127.0.0.1:{port}", master, folder / "log", temporary)
        wait_for_health(found.address, 200)
        wait_until(lambda: found.sample("fraud_model_info") == count)
        yield found
