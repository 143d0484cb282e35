"""The chart's rendered parts, as far as `podman kube play` knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Manifest = Mapping[str, Any]
Pod = dict[str, Any]
LEFT_OUT = {
    "NetworkPolicy": "Podman has no network policies",
    "PodDisruptionBudget": "nothing drains a node",
    "ServiceAccount": "there is no API server to give out tokens",
    "Service": "Podman has none: all pods are on the host's network, and find each other there",
    "CronJob": "nothing has a schedule here; `pod_of_job` makes the pod of one, as CI does",
    "Pod": "Helm's own test, whose program the tests of the chart run",
}
"""Kinds that are not played, and why."""
UNKNOWN_TO_PODMAN = (
    "livenessProbe",  # it would run curl inside of the container, which has none
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "ports",  # it takes none on the network of the host
)
CLAIM, SECRET = "-claim", "-secret"
"""Podman keeps claims and ConfigMaps in volumes of their names, and ours share some. Secrets are
ConfigMaps here: Podman 4.3 writes their files in Base64."""
PORTS = {"fraud-tracking": 5000, "fraud-postgresql": 5432, "fraud-redis": 6379}
"""The Services that pods ask for by name."""


@dataclass(frozen=True)
class Host:
    """What stands in for the cluster: ports of the host for each Service and for `fraud-inference`,
    images for those that cannot be pulled, and the contents of Secrets.
    """

    ports: Mapping[str, int]
    images: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]]


def playable(documents: Iterable[Manifest], names: Sequence[str], host: Host) -> list[Pod]:
    """What Podman is given: ConfigMaps, volumes, and a pod for each Deployment in `names`.

    Raises KeyError for a kind that is neither played nor in `LEFT_OUT`.
    """
    pods, others = [], []
    for document in documents:
        if document["kind"] == "Deployment":
            name = document["metadata"]["name"]
            pods.append(_pod(name, document["spec"]["template"], host))
        elif document["kind"] in ("ConfigMap", "PersistentVolumeClaim"):
            others.append(deepcopy(dict(document)))
        else:
            LEFT_OUT[document["kind"]]
    users = {
        volume["persistentVolumeClaim"]["claimName"]: str(pod["spec"]["securityContext"]["fsGroup"])
        for pod in pods
        for volume in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    }
    for document in others:
        if document["kind"] == "PersistentVolumeClaim":
            document["metadata"]["name"] += CLAIM
            # Podman does not know fsGroup, by which Kubernetes lets the pod write.
            user = users[document["metadata"]["name"]]
            document["metadata"]["annotations"] = {
                "volume.podman.io/uid": user,
                "volume.podman.io/gid": user,
            }
    return [*others, *(pod for pod in pods if pod["metadata"]["name"] in names)]


def pod_of_job(cron_job: Manifest, arguments: list[str], host: Host) -> Pod:
    """The pod of a Job that `kubectl create job --from=cronjob/…` makes, with other arguments."""
    template = cron_job["spec"]["jobTemplate"]["spec"]["template"]
    pod = _pod(cron_job["metadata"]["name"], template, host)
    pod["spec"]["containers"][0]["args"] = arguments
    return pod


def _pod(name: str, template: Manifest, host: Host) -> Pod:
    spec = deepcopy(dict(template["spec"]))
    spec["hostNetwork"] = True
    for key in ("topologySpreadConstraints", "serviceAccountName"):
        spec.pop(key, None)
    if "initContainers" in spec:
        spec["restartPolicy"] = "OnFailure"  # Podman 4.3 starts them again where they succeeded
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    _adapt_volumes(name, spec["volumes"], containers)
    for container in containers:
        for key in UNKNOWN_TO_PODMAN:
            container.pop(key, None)
        container["image"] = host.images.get(container["image"], container["image"])
        container["env"] = [_on_host(variable, host) for variable in container.get("env", ())]
        _listen_on_host(container, host)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": template["metadata"].get("labels", {})},
        "spec": spec,
    }


def _adapt_volumes(name: str, volumes: list[Any], containers: list[Any]) -> None:
    # Podman 4.3 lets pods share emptyDirs of the same name.
    own = {one["name"]: f"{name}-{one['name']}" for one in volumes if "emptyDir" in one}
    for volume in volumes:
        volume["name"] = own.get(volume["name"], volume["name"])
        if claim := volume.get("persistentVolumeClaim"):
            claim["claimName"] += CLAIM
        if secret := volume.pop("secret", None):
            volume["configMap"] = {"name": secret["secretName"] + SECRET, "items": secret["items"]}
        if configuration := volume.get("configMap"):
            configuration["optional"] = False  # it crashes where this is not said
    for container in containers:
        for mount in container["volumeMounts"]:
            mount["name"] = own.get(mount["name"], mount["name"])


def _listen_on_host(container: dict[str, Any], host: Host) -> None:
    if container["name"] == "tracking":
        port = str(host.ports["fraud-tracking"])
        container["env"].append({"name": "MLFLOW_PORT", "value": port})
    elif container["name"] == "postgresql":
        container["args"] = ["-p", str(host.ports["fraud-postgresql"])]
    elif container["name"] == "redis":
        container["args"] += ["--port", str(host.ports["fraud-redis"])]


def _on_host(variable: Manifest, host: Host) -> dict[str, Any]:
    """An environment variable whose addresses are those of the host."""
    if variable["name"] == "FRAUD_PORT":
        return {"name": "FRAUD_PORT", "value": str(host.ports["fraud-inference"])}
    if variable["name"] == "POD_IP":
        return {"name": "POD_IP", "value": "127.0.0.1"}
    if variable["name"] == "FRAUD_LEDGER_FLOOR":  # the chart's default: none
        return {"name": "FRAUD_LEDGER_FLOOR", "value": ""}
    if "value" not in variable:  # Podman 4.3 takes no variable from a Secret that it made itself
        reference = variable["valueFrom"]["secretKeyRef"]
        return {
            "name": variable["name"],
            "value": host.secrets[reference["name"]][reference["key"]],
        }
    value = str(variable["value"])
    for name, port in PORTS.items():
        value = value.replace(f"{name}:{port}", f"127.0.0.1:{host.ports[name]}")
    return {"name": variable["name"], "value": value}
