"""platform.yml on a cluster that stores what the real helm and kubectl send, and a real tracking
server: from nothing to a model that is served. Nothing of it runs in pods, and Azure is files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.vault_secrets import MAKERS, PASSWORDS
from registry.tracking.names import TRAINING_EXPERIMENT
from tests.ansible.api_server import Cluster, api_server
from tests.ansible.plays import Machine, Played, new_machine
from tests.candidates import register_candidate
from tests.deploy.tracking.actor import password
from tests.deploy.tracking.team import ADMINISTRATOR, server_with_auth, signed_in
from tests.helm.rendering import CHART
from tests.world import Server, World, new_world

INFERENCE = "/apis/apps/v1/namespaces/fraud/deployments/fraud-inference"
TRACKING = "/apis/apps/v1/namespaces/fraud/deployments/fraud-tracking"
SMOKE = "/api/v1/namespaces/fraud/pods/fraud-inference-smoke"
FLOOR = f"0f8fad5b-d9cb-469f-a165-70867728950e:1:{'ab' * 32}"
SET_BEFORE = {
    "tracking-MLFLOW-AUTH-ADMIN-PASSWORD": password(ADMINISTRATOR),
    "promoter-tracking-password": password("promoter"),
    "trainer-tracking-password": password("trainer"),
}


@dataclass(frozen=True)
class Platform:
    machine: Machine
    cluster: Cluster
    world: World
    variables: dict[str, Any]

    def play(self, *arguments: str, **variables: object) -> Played:
        return self.machine.play("platform.yml", {**self.variables, **variables}, *arguments)

    def write_passwords(self) -> str:
        """A folder with those of the vault."""
        folder = self.machine.folder / "passwords"
        folder.mkdir()
        for user, secret in PASSWORDS.items():
            (folder / user).write_text((self.machine.vault / secret).read_text())
        return str(folder)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A cluster without the Gateway API and a tracking server without users."""
    folder = tmp_path_factory.mktemp("platform")
    cluster = Cluster()
    cluster.put("/apis/storage.k8s.io/v1/csidrivers/secrets-store.csi.k8s.io", {})
    guard = "deploy.tracking.guard:authenticate"
    with server_with_auth(folder / "server", guard) as uri, api_server(cluster) as url:
        machine = new_machine(folder, url, urlsplit(uri).port or 0)
        for name, value in SET_BEFORE.items():
            (machine.vault / name).write_text(value)
        world = new_world(Server(uri, folder / "server"), folder)
        variables = {
            "platform_context": "fraud",
            "platform_resource_group": "rg-fraud",
            "platform_cluster": "aks-fraud",
            "platform_hosts": ["fraud.example.com", "mlflow.example.com"],
            "platform_key_vault": "kv-fraud",
            "platform_evidence_root": "none",
            "platform_values": [
                str(CHART / "values-production.yaml"),
                str(CHART / "ci" / "azure-values.yaml"),
            ],
            "platform_ledger_config": str(world.config),
            "platform_python": sys.executable,
        }
        yield Platform(machine, cluster, world, variables)


def test_a_fresh_cluster_becomes_a_platform(platform: Platform) -> None:
    cluster, machine = platform.cluster, platform.machine

    checked = platform.play("--check")

    assert (checked.changed, checked.failed) == (1, 0), checked.output
    assert "Check mode ends here" in checked.output
    assert cluster.changes == []
    assert machine.az_calls == []

    first = platform.play(platform_ledger_floor=FLOOR)

    assert first.failed == 0, first.output
    assert machine.az_calls[0] == (
        "aks update --resource-group rg-fraud --name aks-fraud --enable-gateway-api "
        "--enable-app-routing-istio --output none"
    )
    assert {path.name for path in machine.vault.iterdir()} == set(MAKERS)
    assert (machine.vault / "trainer-tracking-password").read_text() == password("trainer")
    assert TRACKING in cluster.resources
    assert INFERENCE not in cluster.resources
    assert "No model is in Production yet" in first.output

    changes = list(cluster.changes)
    second = platform.play()

    # The floor that was given once stays.
    assert (second.changed, second.failed) == (0, 0), second.output
    assert cluster.changes == changes

    with signed_in("trainer"):
        register_candidate(platform.world.client, experiment=TRAINING_EXPERIMENT)
    with signed_in("promoter"):
        reference, _ = platform.world.evaluate(1)
        platform.world.promote(reference)
    third = platform.play()

    assert (third.changed, third.failed) == (1, 0), third.output
    assert INFERENCE in cluster.resources
    assert f"PATCH {SMOKE}" in cluster.changes

    changes = list(cluster.changes)
    slower = machine.folder / "slower.yaml"
    slower.write_text("inference: {pollSeconds: 60}")
    values = [*platform.variables["platform_values"], str(slower)]
    passwords = platform.write_passwords()
    checked = platform.play("--check", platform_values=values, platform_passwords=passwords)

    assert (checked.changed, checked.failed) == (1, 0), checked.output
    assert "Release fraud would be upgraded" in checked.output
    assert cluster.changes == changes


def test_nothing_is_done_before_what_cannot_be_undone_is_decided(tmp_path: Path) -> None:
    machine = Machine(tmp_path)

    played = machine.play("platform.yml", {"platform_context": "fraud"})

    assert (played.changed, played.failed) == (0, 1)
    assert "Set platform_evidence_root to the container of the evidence" in played.output
