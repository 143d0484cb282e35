"""The chart as a whole: lint, package, switches, and the values that it refuses."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checks import checker
from tests.helm.rendering import (
    CHART,
    DEV,
    PRODUCTION,
    STAGING,
    VARIANTS,
    Manifest,
    component,
    helm,
    named,
    pods,
    rendered,
    text,
)
from tests.places import REPOSITORY

ALL = VARIANTS["everything"]
SCHEMA = json.loads((CHART / "values.schema.json").read_text())

PARTS = {
    "tracking.enabled": {"tracking", "migration", "backup"},
    "tracking.backup.enabled": {"backup"},
    "inference.enabled": {"inference", "watch"},
    "staging.enabled": {"staging"},
    "jobs.promotion.enabled": {"promotion", "promoter"},
    "jobs.training.enabled": {"training", "trainer"},
    "jobs.batch.enabled": {"batch"},
    "jobs.monitoring.enabled": {"monitoring"},
    "jobs.watch.enabled": {"watch"},
}
"""Each switch, and the components of which nothing is left without it."""


@pytest.mark.parametrize("values", [DEV, PRODUCTION], ids=["dev", "production"])
def test_lint_finds_nothing(values: tuple[str, ...]) -> None:
    done = helm("lint", "--strict", str(CHART), *values)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


def test_the_package_holds_the_chart_and_no_example(tmp_path: Path) -> None:
    assert helm("package", str(CHART), "--destination", str(tmp_path)).returncode == 0

    listed = subprocess.run(
        ["tar", "--list", "--file", str(tmp_path / "fraud-platform-0.1.0.tgz")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "fraud-platform/values.schema.json\n" in listed
    assert "fraud-platform/templates/inference/deployment.yaml\n" in listed
    assert "/ci/" not in listed


@pytest.mark.parametrize("switch", PARTS)
def test_a_switch_removes_all_of_its_part_and_nothing_else(switch: str) -> None:
    def names(*values: str) -> dict[tuple[str, str], str]:
        return {(one["kind"], one["metadata"]["name"]): component(one) for one in rendered(*values)}

    whole = names(*ALL)
    external = ("--set", "tracking.externalUri=https://mlflow.example.com")
    rest = names(*ALL, *external, "--set", f"{switch}=false")

    gone = {whole[key] for key in whole.keys() - rest.keys()}
    assert gone >= PARTS[switch] & set(whole.values())
    assert gone <= PARTS[switch] | {"smoke"}  # the pod that tests the part
    assert rest.keys() <= whole.keys()
    rest.pop(("ServiceAccount", "fraud-inference"), None)  # staging's too
    assert PARTS[switch] & set(rest.values()) == set()


@pytest.mark.parametrize(
    ("switch", "kinds"),
    [
        ("networkPolicy.enabled=false", {"NetworkPolicy"}),
        ("gateway.kind=none", {"HTTPRoute"}),
        ("monitoring.podMonitor=none", {"PodMonitor"}),
        ("inference.autoscaling.enabled=false", {"HorizontalPodAutoscaler"}),
        ("secrets.provider=existing", {"SecretProviderClass"}),
    ],
)
def test_these_switches_remove_a_kind(switch: str, kinds: set[str]) -> None:
    def found(*values: str) -> set[str]:
        return {one["kind"] for one in rendered(*PRODUCTION, *values)}

    assert found() - found("--set", switch) == kinds


@pytest.mark.parametrize("part", ["postgresql", "redis"])
def test_stores_for_trying_it_are_in_dev_alone(part: str) -> None:
    assert part in {component(one) for one in rendered(*DEV)}
    assert part not in {component(one) for one in rendered(*ALL)}
    assert part not in {component(one) for one in rendered(*DEV, "--set", f"{part}.enabled=false")}


def test_neither_group_of_podmonitors_gets_the_others() -> None:
    def groups(variant: str) -> set[str]:
        found = rendered(*VARIANTS[variant])
        return {one["apiVersion"] for one in found if one["kind"] == "PodMonitor"}

    assert groups("production") == {"azmonitoring.coreos.com/v1"}
    assert groups("ingress-prometheus") == {"monitoring.coreos.com/v1"}


def test_a_prometheus_of_the_operator_gets_the_rules_as_they_were_tested() -> None:
    prometheus = VARIANTS["ingress-prometheus"]
    rules = named(rendered(*prometheus), "PrometheusRule", "fraud-rules")

    assert rules["spec"] == yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    for without in (PRODUCTION, DEV, (*prometheus, "--set", "monitoring.rules=false")):
        assert "PrometheusRule" not in {one["kind"] for one in rendered(*without)}


def test_a_sidecar_of_grafana_finds_the_dashboards_as_they_were_tested() -> None:
    found = {
        name: json.loads(content)
        for one in rendered(*VARIANTS["ingress-prometheus"])
        if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for name, content in one["data"].items()
    }

    files = (CHART / "files" / "dashboards").glob("*.json")
    assert found == {f"fraud-{path.name}": json.loads(path.read_text()) for path in files}
    assert len(found) == 4
    assert "dashboards" not in {component(one) for one in rendered(*PRODUCTION)}


def test_schema_and_values_name_the_same_keys() -> None:
    def keys(schema: dict[str, Any], values: Any, path: str = "") -> None:
        schema = SCHEMA["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
        if "properties" not in schema:
            return
        assert schema["additionalProperties"] is False, path
        known = set(schema["properties"])
        missing = known - set(values) - {"ephemeral-storage"}
        assert (set(values) - known, missing) == (set(), set()), path
        for name in values:
            keys(schema["properties"][name], values[name], f"{path}.{name}")

    keys(SCHEMA, yaml.safe_load((CHART / "values.yaml").read_text()))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("trackin.enabled=true", "additional properties 'trackin' not allowed"),
        ("inference.autoscaling.min=2", "additional properties 'min' not allowed"),
        ("inference.env.MLFLOW_TRACKING_PASSWORD=a", "invalid propertyName"),
        ("tracking.env.AZURE_STORAGE_CONNECTION_STRING=a", "invalid propertyName"),
        ("tracking.databaseUri=postgresql://mlflow:secret@db/mlflow", "does not match pattern"),
        ("features.storeUrl=rediss://:secret@host:10000", "/features/storeUrl"),
        ("ledger.floor=latest", "does not match pattern"),
        ("gateway.kind=nginx", "value must be one of"),
        ("inference.replicas=-1", "minimum"),
        ("staging.enabled=true", "/staging/trackingUri"),
        ("inference.resources.limits=null", "missing property 'limits'"),
    ],
)
def test_the_schema_refuses(values: str, reason: str) -> None:
    config = f"ledger.config={CHART / 'ci' / 'ledger.yaml'}"

    done = helm("template", str(CHART), *DEV, "--set-file", config, "--set", values)

    assert done.returncode == 1
    assert reason in done.stderr


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("tracking.artifacts", "tracking.artifacts: where artifacts are kept"),
        ("features.storeUrl", "features.storeUrl: the store of history that all pods share"),
        ("gateway.host", "gateway.host: the host name of inference"),
        ("secrets.keyVault", "secrets.keyVault: the name of the vault"),
        ("identity.clientIds.inference", "identity.clientIds.inference: Key Vault needs it"),
        ("ledger.config", "ledger.config: the text of ledger.yaml"),
    ],
)
def test_what_has_no_default_is_asked_for(value: str, reason: str) -> None:
    ledger = f"ledger.config={CHART / 'ci' / 'ledger.yaml'}"
    order = ("--set-file", ledger, "--set-string", f"{value}=")

    done = helm("template", str(CHART), *PRODUCTION, *(order[2:] if "ledger" in value else order))

    assert done.returncode == 1
    assert reason in done.stderr


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("features.storeUrl=memory:", "each pod has a history of its own"),
        ("tracking.storage=1Gi", "a volume of this kind is for one pod"),
    ],
)
def test_several_pods_are_refused_what_only_one_can_have(values: str, reason: str) -> None:
    ledger = ("--set-file", f"ledger.config={CHART / 'ci' / 'ledger.yaml'}")

    done = helm("template", str(CHART), *PRODUCTION, *ledger, "--set", values)

    assert done.returncode == 1
    assert reason in done.stderr
    assert text(*DEV, "--set", values)  # one pod


def test_clients_that_send_features_need_no_shared_store() -> None:
    values = "features.storeUrl=memory:,inference.env.FRAUD_FEATURES=client"

    assert 'value: "client"' in text(*PRODUCTION, "--set", values)


def test_a_floor_changes_its_configmap_alone() -> None:
    tip = f"fraud:7:{'a' * 64}"

    def floor_and_rest(*values: str) -> tuple[Manifest, list[Manifest]]:
        found = rendered(*ALL, *values)
        floor = named(found, "ConfigMap", "fraud-ledger-floor")
        return floor["data"], [one for one in found if one is not floor]

    before, rest = floor_and_rest()
    after, same = floor_and_rest("--set-string", f"ledger.floor={tip}")

    assert (before, after) == ({"floor": ""}, {"floor": tip})
    assert rest == same


def test_every_reader_of_the_ledger_reads_its_floor() -> None:
    floors = {
        str(pod): pod.environment().get("FRAUD_LEDGER_FLOOR", {}).get("valueFrom")
        for pod in pods(rendered(*ALL))
        if "FRAUD_LEDGER_CONFIG" in pod.environment()
    }

    def reference(name: str) -> Manifest:
        return {"configMapKeyRef": {"name": name, "key": "floor", "optional": True}}

    staging = reference("fraud-staging-ledger-floor")  # which is not there: Staging has no floor
    assert len(floors) == 9
    assert floors == dict.fromkeys(floors, reference("fraud-ledger-floor")) | {
        "Deployment/fraud-staging": staging,
        "Pod/fraud-staging-smoke": staging,
    }


def test_a_changed_ledger_rolls_the_pods() -> None:
    config = ("--set-file", f"ledger.config={CHART / 'Chart.yaml'}")
    checksums = [
        named(rendered(*PRODUCTION, *values), "Deployment", "fraud-inference")["spec"]["template"][
            "metadata"
        ]["annotations"]
        for values in ((), config)
    ]

    assert checksums[0] != checksums[1]


def test_a_digest_counts_instead_of_the_tag() -> None:
    digest = f"sha256:{'b' * 64}"

    found = text(*PRODUCTION, "--set", f"global.imageDigests.inference-records={digest}")

    assert f"image: fraudteam.azurecr.io/fraud-inference-records@{digest}\n" in found
    assert "image: fraudteam.azurecr.io/fraud-inference:1.0.0\n" in found  # of the smoke test
    assert "image: fraudteam.azurecr.io/fraud-tracking:1.0.0\n" in found


def test_only_inference_with_records_in_storage_has_the_image_with_pyarrow() -> None:
    images = {
        str(pod): pod.containers[0]["image"].rpartition("/")[2]
        for pod in pods(rendered(*ALL))
        if "inference" in pod.containers[0]["image"]
    }
    without = text(*ALL, "--set-string", "records.to=")

    assert images == {
        "Deployment/fraud-inference": "fraud-inference-records:1.0.0",
        "Deployment/fraud-staging": "fraud-inference:1.0.0",
        "Pod/fraud-inference-smoke": "fraud-inference:1.0.0",
        "Pod/fraud-staging-smoke": "fraud-inference:1.0.0",
    }
    assert "fraud-inference-records" not in without


def test_notes_say_how_to_test_the_release() -> None:
    done = helm("install", "fraud", str(CHART), "--dry-run=client", *PRODUCTION, *STAGING,
                "--set", "ledger.config=x")  # fmt: skip

    assert done.returncode == 0, done.stderr
    notes = done.stdout.split("NOTES:")[1]
    assert "helm test fraud -n default --logs" in notes
    assert "https://mlflow.example.com" in notes
    assert "`ledger.floor` is not set" in notes


def test_make_manifests_renders_dev_and_production() -> None:
    program = str(checker("helm", "https://helm.sh/docs/intro/install"))
    environment = {"PATH": os.environ["PATH"]}
    command = ["make", "--silent", "manifests", f"HELM={program}"]
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, timeout=60)

    folder = REPOSITORY / "build" / "manifests"
    for name, part in {"dev": "postgresql", "production": "gateway"}.items():
        templates = folder / name / "fraud-platform" / "templates"
        assert list((templates / part).glob("*.yaml"))
        assert yaml.safe_load((templates / "inference" / "service.yaml").read_text())
        assert not (templates / "tests").exists()
