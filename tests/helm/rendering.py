"""Renders the chart once for each set of values, and finds its way in what comes out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.checks import checker
from tests.places import REPOSITORY

CHART = REPOSITORY / "helm" / "fraud-platform"
CRDS = {"HTTPRoute", "PodMonitor", "PrometheusRule", "SecretProviderClass"}
"""Kinds of which no schema is here: kubernetes-validate does not check them."""

Manifest = dict[str, Any]

DEV = ("--values", str(CHART / "values-dev.yaml"))
PRODUCTION = (
    *("--values", str(CHART / "values-production.yaml")),
    *("--values", str(CHART / "ci" / "azure-values.yaml")),
)
STAGING = (
    *("--set", "staging.enabled=true,staging.mirrored=true"),
    *("--set", "staging.trackingUri=http://fraud-tracking.fraud-staging:5000"),
    *("--set-file", f"staging.ledgerConfig={CHART / 'ci' / 'ledger.yaml'}"),
)
VARIANTS: dict[str, tuple[str, ...]] = {
    "dev": DEV,
    "dev-sqlite": (
        *DEV,
        *("--set", "postgresql.enabled=false"),
        *("--set", "tracking.databaseUri=sqlite:////var/lib/fraud/mlflow.db"),
    ),
    "production": PRODUCTION,
    "database-in-vault": (*PRODUCTION, *("--set-string", "tracking.databaseUri=")),
    "everything": (
        *PRODUCTION,
        *STAGING,
        *("--set", "jobs.batch.enabled=true,jobs.monitoring.enabled=true"),
        *("--set", "tracking.backup.enabled=true"),
    ),
    "ingress-prometheus": (
        *PRODUCTION,
        *("--set", "gateway.kind=ingress,gateway.ingressTlsSecret=tls"),
        *("--set", "gateway.ingressClass=webapprouting.kubernetes.azure.com"),
        *("--set", "monitoring.podMonitor=prometheus,monitoring.dashboards=true"),
    ),
    "existing-secrets": (
        *PRODUCTION,
        *STAGING,
        *("--set", "secrets.provider=existing,tracking.env.FRAUD_TRACKING_AUTH=oidc"),
        *("--set-string", "tracking.databaseUri="),
    ),
}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm; what it prints is returned, also where it fails."""
    command = [str(checker("helm", "https://helm.sh/docs/intro/install")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@cache
def text(*values: str) -> str:
    """The chart as `helm template` prints it."""
    ledger = f"ledger.config={CHART / 'ci' / 'ledger.yaml'}"
    namespace = ("--namespace", "fraud")
    done = helm("template", "fraud", str(CHART), *namespace, "--set-file", ledger, *values)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def rendered(*values: str) -> tuple[Manifest, ...]:
    """The same, parsed; tests share it and do not change it."""
    documents = yaml.load_all(text(*values), Loader=yaml.CSafeLoader)
    return tuple(one for one in documents if one)


def component(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


def named(manifests: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    [found] = [one for one in manifests if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


@dataclass(frozen=True)
class Pod:
    """A pod that a manifest makes."""

    owner: Manifest
    labels: dict[str, str]
    spec: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def hook_weight(self) -> int | None:
        """The weight of a hook before the installation; None for what is none."""
        return hook_weight(self.owner)

    def volumes(self, kind: str) -> Iterator[dict[str, Any]]:
        return (volume[kind] for volume in self.spec["volumes"] if kind in volume)

    def environment(self) -> dict[str, dict[str, Any]]:
        return {
            one["name"]: one for container in self.containers for one in container.get("env", [])
        }


def hook_weight(manifest: Manifest) -> int | None:
    annotations = manifest["metadata"].get("annotations", {})
    if "pre-install" not in annotations.get("helm.sh/hook", ""):
        return None
    return int(annotations["helm.sh/hook-weight"])


def pods(manifests: tuple[Manifest, ...]) -> list[Pod]:
    found = []
    for one in manifests:
        template = {
            "Deployment": lambda one: one["spec"]["template"],
            "Job": lambda one: one["spec"]["template"],
            "CronJob": lambda one: one["spec"]["jobTemplate"]["spec"]["template"],
            "Pod": lambda one: one,
        }.get(one["kind"])
        if template:
            made = template(one)
            found.append(Pod(one, made["metadata"]["labels"], made["spec"]))
    return found
