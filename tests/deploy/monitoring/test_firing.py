"""The shipped rules in a real Prometheus: a service that dies fires its alerts, and no other."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from deploy.local.processes import free_port, inference_service
from tests.contracts import number
from tests.deploy.monitoring.promtool import RULES
from tests.inference.calls import wait_for_health
from tests.inference.models import append_signed, weighted_sum, write_model
from tests.prometheus import scraping
from tests.waiting import wait_until
from tests.world import World


def test_a_service_that_is_killed_alerts_within_the_time_of_the_rule(
    world: World, tmp_path: Path
) -> None:
    # A second for each minute; ranges stay as they are.
    rules = re.sub(r"(interval|for): (\d+)m$", r"\1: \2s", RULES.read_text(), flags=re.MULTILINE)
    append_signed(world, write_model(tmp_path / "model", weighted_sum(1), number("amount")))

    with (
        inference_service(
            world.server.uri, world.config, free_port(), tmp_path / "service.log"
        ) as (service, process),
        scraping(service, rules, tmp_path, "fraud-inference") as prometheus,
    ):
        wait_for_health(service, 200)
        wait_until(lambda: len(prometheus.ask("fraud_model_info")) == 1)
        wait_until(lambda: not prometheus.alerts())
        os.killpg(process.pid, signal.SIGKILL)
        wait_until(lambda: {one["state"] for one in prometheus.alerts()} == {"firing"})
        wait_until(lambda: len(prometheus.alerts()) == 2)
        fired = {
            one["labels"]["alertname"]: one["annotations"]["runbook_url"]
            for one in prometheus.alerts()
        }

    assert fired == {
        "FraudServiceAbsent": "docs/operations/runbooks.md#fraudserviceabsent",
        "FraudPodDown": "docs/operations/runbooks.md#fraudpoddown",
    }
