"""Terraform's files: checked offline, complete for the real provider, and clean for Trivy."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.checks import checker
from tests.places import REPOSITORY, shared_tool

TERRAFORM = REPOSITORY / "terraform"
LIVE = TERRAFORM / "live"

STRING = {"type": "string", "required": False, "optional": True, "computed": False}
BOOL = STRING | {"type": "bool"}
TAGS = STRING | {"type": "dynamic"}
REQUIRED = STRING | {"required": True, "optional": False}
STRINGS = REQUIRED | {"type": ["list", "string"]}


def blocks(attributes: dict[str, Any], fewest: int = 0, **nested: Any) -> dict[str, Any]:
    """The schema of a list of blocks."""
    block = {"attrs": attributes, "blocks": nested}
    return {"nesting": "list", "min": fewest, "max": 0, "block": block}


RULE = blocks(
    {
        "alert": STRING,
        "annotations": TAGS,
        "enabled": BOOL,
        "expression": REQUIRED,
        "for": STRING,
        "labels": TAGS,
        "record": STRING,
        "severity": STRING | {"type": "number"},
    },
    fewest=1,
    action=blocks({"action_group_id": REQUIRED, "action_properties": TAGS}),
    alert_resolution=blocks({"auto_resolved": BOOL, "time_to_resolve": STRING}),
)
DATA_FLOW = blocks({"streams": STRINGS, "destinations": STRINGS}, fewest=1)
# What the schema has under another argument's name, as azurerm documents it: in the resource's
# source, it is the argument after `tags` or `metadata`.
GAPS: dict[str, dict[str, Any]] = {
    "azurerm_container_registry": {"tags": TAGS, "zone_redundancy_enabled": BOOL},
    "azurerm_dashboard_grafana": {"tags": TAGS, "zone_redundancy_enabled": BOOL},
    "azurerm_key_vault": {"tags": TAGS, "tenant_id": REQUIRED},
    "azurerm_kubernetes_cluster": {"tags": TAGS, "workload_identity_enabled": BOOL},
    "azurerm_kubernetes_cluster_node_pool": {"tags": TAGS, "temporary_name_for_rotation": STRING},
    "azurerm_monitor_alert_prometheus_rule_group": {"tags": TAGS, "rule": RULE},
    "azurerm_monitor_data_collection_rule": {"tags": TAGS, "data_flow": DATA_FLOW},
    "azurerm_postgresql_flexible_server": {"tags": TAGS, "version": STRING},
    "azurerm_private_dns_zone_virtual_network_link": {"tags": TAGS, "virtual_network_id": REQUIRED},
    "azurerm_storage_container": {"metadata": TAGS, "name": REQUIRED},
}
LIVE_TEST = """
mock_provider "azurerm" {
  override_during = plan
}

run "live" {
  command = plan

  assert {
    condition     = azurerm_storage_container.main["evidence"].name == "evidence"
    error_message = "a container has another name"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.main.workload_identity_enabled
    error_message = "pods have no identity"
  }
  assert {
    condition     = length(azurerm_monitor_alert_prometheus_rule_group.main["service"].rule) == 12
    error_message = "the rules of rules/service.json are not there"
  }
  assert {
    condition     = length(azurerm_monitor_alert_prometheus_rule_group.main) == 5
    error_message = "a group of rules is missing"
  }
  assert {
    condition     = length(azurerm_monitor_data_collection_rule.metrics.data_flow) == 1
    error_message = "metrics flow nowhere"
  }
}
"""


def check(tool: Path, folder: Path) -> str:
    """What the offline check of a folder prints. Fails where it fails."""
    done = subprocess.run([tool, folder], capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_holds_on_the_schema_of_the_provider() -> None:
    printed = check(shared_tool("terraform-offline/check"), TERRAFORM)

    assert "Success! The configuration is valid." in printed
    assert "Success! 12 passed, 0 failed." in printed


def tool_with_whole_schema(folder: Path) -> Path:
    """A copy of the offline check whose schema has the arguments that it had lost."""
    copy = folder / "tool"
    shutil.copytree(shared_tool("terraform-offline/check").parent, copy)
    (packed,) = copy.glob("azurerm-*.schema.json.gz")
    schema = json.loads(gzip.decompress(packed.read_bytes()))
    for name, arguments in GAPS.items():
        for argument, wanted in arguments.items():
            kind = "blocks" if "block" in wanted else "attrs"
            schema["resources"][name][kind][argument] = wanted
    packed.chmod(0o644)
    packed.write_bytes(gzip.compress(json.dumps(schema).encode()))
    return copy / "check"


@pytest.mark.parametrize("size", ["small", "large"])
def test_what_is_applied_is_complete_in_both_sizes(tmp_path: Path, size: str) -> None:
    root = tmp_path / "live"
    shutil.copytree(LIVE, root, ignore=shutil.ignore_patterns(".terraform*", "*.tfvars"))
    shutil.copy(TERRAFORM / "examples" / f"{size}.tfvars", root / "terraform.tfvars")
    (root / "live.tftest.hcl").write_text(LIVE_TEST)

    assert "Success! 1 passed, 0 failed." in check(tool_with_whole_schema(tmp_path), root)


def lines(path: Path) -> list[str]:
    """The lines of a file below the comment at its top, without what fmt lines up."""
    text = path.read_text().split("\n\n", 1)[1]
    return [" ".join(line.split()) for line in text.splitlines()]


def test_what_is_applied_are_the_files_that_are_checked() -> None:
    files = {path.name for path in TERRAFORM.glob("*.tf")}

    assert len(files) > 10
    links = {path.name: path.readlink() for path in LIVE.iterdir() if path.is_symlink()}
    linked = files - {"gaps.tf"} | {"rules"}
    assert links == {name: Path("..") / name for name in linked}
    checked, applied = lines(TERRAFORM / "gaps.tf"), lines(LIVE / "gaps.tf")
    assert [line for line in checked if line not in applied] == ["tags = null"] * 2
    assert [line for line in applied if line not in checked] == [
        "tenant_id = data.azurerm_client_config.current.tenant_id",
        "tags = local.tags",
        "name = each.key",
        "virtual_network_id = azurerm_virtual_network.main.id",
        "tags = local.tags",
    ]


def test_every_right_is_one_that_the_tests_of_terraform_look_at() -> None:
    text = "".join(path.read_text() for path in TERRAFORM.glob("*.tf"))

    assert re.findall(r'^resource "azurerm_role_assignment" "(\w+)"', text, re.MULTILINE) == [
        "main",
        "signer",
        "key_custodian",
        "admins",
        "cluster",
        "grafana",
    ]
    assert "azurerm_key_vault_access_policy" not in text
    assert "access_policy {" not in text


def test_every_secret_that_the_chart_mounts_is_one_that_its_identity_may_read() -> None:
    template = REPOSITORY / "helm" / "fraud-platform" / "templates" / "_secrets.tpl"
    if not template.exists():
        pytest.skip("there is no helm/fraud-platform")
    keys = set(re.findall(r"^- ([\w-]+)$", template.read_text(), re.MULTILINE))
    granted = (TERRAFORM / "roles.tf").read_text()

    assert "tracking-password" in keys
    assert [key for key in sorted(keys) if f'"{key.replace("_", "-")}"' not in granted] == []


def test_nothing_secret_is_in_the_state_by_our_doing() -> None:
    text = "".join(path.read_text() for path in TERRAFORM.rglob("*.tf"))

    assert "administrator_password" not in text
    assert "azurerm_key_vault_secret" not in text
    assert re.findall(r'variable "\w*(?:password|secret|token)\w*"', text) == []


@pytest.mark.parametrize("size", ["small", "large"])
def test_trivy_finds_nothing_of_medium_or_above(size: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [str(checker("trivy")), "config", "--quiet", "--skip-check-update"]
    command += ["--format", "json", "--output", str(report), "--cache-dir", str(tmp_path)]
    command += ["--severity", "MEDIUM,HIGH,CRITICAL"]
    command += ["--tf-vars", str(TERRAFORM / "examples" / f"{size}.tfvars")]
    subprocess.run([*command, str(TERRAFORM)], check=True, timeout=120)
    results = json.loads(report.read_text())["Results"]

    assert {"aks.tf", "key_vault.tf", "storage.tf"} <= {result["Target"] for result in results}
    found = [f for result in results for f in result.get("Misconfigurations", [])]
    assert [(f["ID"], f["Title"]) for f in found] == []


def test_every_waiver_of_trivy_has_a_reason_beside_it() -> None:
    text = "".join(path.read_text() for path in TERRAFORM.rglob("*.tf"))
    waivers = re.findall(r"^ *#trivy:ignore:(\S+)(.*)$", text, re.MULTILINE)

    assert len(waivers) > 3
    assert [name for name, reason in waivers if len(reason) < 20] == []


@pytest.mark.parametrize("size", ["small", "large"])
def test_the_page_of_costs_names_each_size_of_the_examples(size: str) -> None:
    text = (TERRAFORM / "examples" / f"{size}.tfvars").read_text()
    sizes = re.findall(r'(?:vm_size|sku_name)\s*= "(\w+)"', text)

    assert len(sizes) == 4
    page = (REPOSITORY / "docs" / "operations" / "azure-costs.md").read_text()
    assert [name for name in sizes if name not in page] == []
