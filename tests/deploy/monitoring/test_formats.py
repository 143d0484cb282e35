"""Each alert has cases and a runbook, and Azure gets the rules that Prometheus gets."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from deploy.monitoring.formats import GROUPS, azure, prometheus
from tests.deploy.monitoring import (
    test_burn_rates,
    test_model,
    test_requests,
    test_service,
    test_tracking,
)
from tests.places import REPOSITORY

ALERTS = [alert for group in GROUPS for alert in group.alerts]
MODULES = (test_burn_rates, test_service, test_requests, test_model, test_tracking)
CASES = [case for module in MODULES for case in module.CASES]


def sections() -> dict[str, str]:
    """The sections of the page of runbooks, by the anchors of their headings."""
    page = (REPOSITORY / "docs" / "operations" / "runbooks.md").read_text()
    _, *parts = re.split(r"^## ", page, flags=re.MULTILINE)
    return {part.split("\n")[0].lower(): part for part in parts}


def test_each_alert_fires_in_a_case_and_is_silent_in_another_of_its_module() -> None:
    fired = {name for case in CASES for name in case.firing}

    assert fired == {alert.name for alert in ALERTS}
    assert len(ALERTS) == len(fired) == 29
    assert sum(not case.firing for case in CASES) > 25


def test_each_alert_has_a_runbook_with_all_that_is_asked_for() -> None:
    found = sections()

    assert [f"docs/operations/runbooks.md#{name}" for name in sorted(found)] == sorted(
        alert.runbook for alert in ALERTS
    )
    for name, text in found.items():
        assert re.findall(r"^- \*\*(\w+):\*\*", text, re.MULTILINE) == [
            *("Means", "Look", "Do", "Page")
        ], name


@pytest.mark.parametrize("place", range(len(GROUPS)), ids=[group.name for group in GROUPS])
def test_azure_gets_the_same_expressions_within_its_limits(place: int) -> None:
    document = json.loads(azure(GROUPS[place]))
    file = yaml.safe_load(prometheus())["groups"][place]

    assert document["interval"] == "PT1M"  # from one minute to fifteen
    assert len(document["rules"]) <= 20
    for ours, theirs in zip(document["rules"], file["rules"], strict=True):
        assert ours["expression"] == theirs["expr"]
        assert ours.get("record") == theirs.get("record")
        assert ours.get("alert") == theirs.get("alert")
        if "alert" in ours:
            assert ours["annotations"] == theirs["annotations"]
            assert ours["severity"] == {"critical": 0, "warning": 2}[theirs["labels"]["severity"]]
            assert ours.get("for", "PTm").removeprefix("PT").lower() == theirs.get("for", "m")


def test_terraform_has_a_file_for_each_group_and_no_other() -> None:
    files = {path.stem for path in (REPOSITORY / "terraform" / "rules").glob("*.json")}

    assert files == {"objectives", "service", "requests", "model", "tracking"}
