"""What holds for everything that the chart renders, whatever its values."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
import yaml

from tests.helm.rendering import (
    CHART,
    PRODUCTION,
    STAGING,
    VARIANTS,
    Manifest,
    Pod,
    component,
    hook_weight,
    named,
    pods,
    rendered,
)

Selector = dict[str, Any]

SECRET_KEYS = {
    "fraud-tracking": {
        "MLFLOW_BACKEND_STORE_URI",
        "MLFLOW_FLASK_SERVER_SECRET_KEY",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
        "OIDC_CLIENT_SECRET",
        "OIDC_USERS_DB_URI",
        "metrics-user",
        "metrics-password",
    },
    "fraud-inference": {
        "tokens",
        "metrics-tokens",
        "tracking-password",
        "smoke-token",
        "metrics-token",
    },
    "fraud-staging": {
        "tokens",
        "metrics-tokens",
        "tracking-password",
        "smoke-token",
        "metrics-token",
    },
    "fraud-promoter": {"tracking-password"},
    "fraud-trainer": {"tracking-password"},
    "fraud-watch": {"tracking-password", "token", "metrics-token"},
}
"""What whoever makes the Secrets has to put into them, with Entra's sign-in and a PodMonitor."""


@pytest.fixture(params=VARIANTS)
def manifests(request: pytest.FixtureRequest) -> tuple[Manifest, ...]:
    return rendered(*VARIANTS[request.param])


def matches(selector: Selector, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


def secret_keys(pod: Pod) -> set[tuple[str, str]]:
    """The keys of Secrets that a pod reads, as variables or as files."""
    references = (one.get("valueFrom", {}) for one in pod.environment().values())
    read = {
        (one["secretKeyRef"]["name"], one["secretKeyRef"]["key"])
        for one in references
        if "secretKeyRef" in one
    }
    return read | {
        (secret["secretName"], item["key"])
        for secret in pod.volumes("secret")
        for item in secret["items"]
    }


def scraped_keys(manifests: tuple[Manifest, ...]) -> set[tuple[str, str]]:
    """The keys of Secrets that PodMonitors name."""
    read = set()
    for one in manifests:
        for endpoint in one["spec"].get("podMetricsEndpoints", []) if "spec" in one else ():
            signs_in = endpoint.get("authorization") or endpoint["basicAuth"]
            parts = [part for part in signs_in.values() if isinstance(part, dict)]
            read |= {(part["name"], part["key"]) for part in parts}
    return read


def test_every_container_is_restricted_and_has_requests_and_limits(
    manifests: tuple[Manifest, ...],
) -> None:
    containers = [one for pod in pods(manifests) for one in pod.containers]

    assert len(containers) >= 5
    for one in containers:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for bound in ("requests", "limits"):
            assert set(one["resources"][bound]) == {"cpu", "memory"}


def test_every_pod_is_restricted_and_gets_no_token_of_the_cluster(
    manifests: tuple[Manifest, ...],
) -> None:
    for pod in pods(manifests):
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True, pod
        assert (security["runAsUser"], security["runAsGroup"]) == (10001, 10001), pod
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod
        assert pod.spec["automountServiceAccountToken"] is False, pod
        # Else a Service `fraud-tracking` sets FRAUD_TRACKING_PORT in every pod.
        assert pod.spec["enableServiceLinks"] is False, pod
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            assert key not in pod.spec
        assert not any("hostPath" in volume for volume in pod.spec["volumes"])


def test_only_temporary_folders_and_volumes_are_writable_and_bounded(
    manifests: tuple[Manifest, ...],
) -> None:
    for pod in pods(manifests):
        assert all(one["sizeLimit"] for one in pod.volumes("emptyDir")), pod
        names = {volume["name"] for volume in pod.spec["volumes"]}
        mounted = {one["name"] for each in pod.containers for one in each["volumeMounts"]}
        assert mounted == names, pod


def test_whatever_a_pod_names_exists(manifests: tuple[Manifest, ...]) -> None:
    existing = {(one["kind"], one["metadata"]["name"]): one for one in manifests}
    for pod in pods(manifests):
        needed = {("ConfigMap", one["name"]) for one in pod.volumes("configMap")}
        needed |= {
            ("SecretProviderClass", one["volumeAttributes"]["secretProviderClass"])
            for one in pod.volumes("csi")
        }
        needed |= {
            ("PersistentVolumeClaim", one["claimName"])
            for one in pod.volumes("persistentVolumeClaim")
        }
        if account := pod.spec.get("serviceAccountName"):
            needed.add(("ServiceAccount", account))
        needed.discard(("PersistentVolumeClaim", "fraud-backups"))  # `tracking.backup.claim`
        assert needed <= existing.keys(), pod
        if pod.hook_weight is not None:  # nothing of the release exists yet
            weights = [hook_weight(existing[key]) for key in needed]
            assert all(weight is not None and weight < pod.hook_weight for weight in weights), pod


def test_a_pod_with_an_identity_has_the_label_and_its_account_the_client_id(
    manifests: tuple[Manifest, ...],
) -> None:
    accounts = {
        one["metadata"]["name"]: one["metadata"].get("annotations", {})
        for one in manifests
        if one["kind"] == "ServiceAccount"
    }
    for pod in pods(manifests):
        account = accounts.get(pod.spec.get("serviceAccountName", ""), {})
        labelled = pod.labels.get("azure.workload.identity/use") == "true"
        assert labelled == ("azure.workload.identity/client-id" in account), pod


def test_every_key_that_is_read_is_made_from_key_vault() -> None:
    for variant in ("production", "database-in-vault", "everything", "ingress-prometheus"):
        manifests = rendered(*VARIANTS[variant])
        made = set()
        for one in manifests:
            if one["kind"] != "SecretProviderClass":
                continue
            array = yaml.safe_load(one["spec"]["parameters"]["objects"])["array"]
            objects = [yaml.safe_load(text) for text in array]
            aliases = {item["objectAlias"] for item in objects}
            assert all(item["objectName"].endswith(item["objectAlias"].replace("_", "-"))
                       for item in objects)  # fmt: skip
            for secret in one["spec"].get("secretObjects", []):
                assert {data["objectName"] for data in secret["data"]} <= aliases
                made |= {(secret["secretName"], data["key"]) for data in secret["data"]}
        read = set().union(*(secret_keys(pod) for pod in pods(manifests)))
        read |= scraped_keys(manifests)
        assert len(read) >= 6
        assert read - made == set(), variant


def test_existing_secrets_need_the_keys_that_the_values_name() -> None:
    manifests = rendered(*VARIANTS["existing-secrets"])
    read = set().union(*(secret_keys(pod) for pod in pods(manifests))) | scraped_keys(manifests)

    keys: dict[str, set[str]] = {}
    for name, key in read:
        keys.setdefault(name, set()).add(key)
    assert keys == SECRET_KEYS


def test_no_secret_is_made_of_values(manifests: tuple[Manifest, ...]) -> None:
    assert "Secret" not in {one["kind"] for one in manifests}
    for pod in pods(manifests):
        for name, one in pod.environment().items():
            if name.endswith(("PASSWORD", "TOKEN")):
                assert set(one) == {"name", "valueFrom"}, (str(pod), name)


def test_a_deployment_selects_its_own_pods_alone(manifests: tuple[Manifest, ...]) -> None:
    for one in manifests:
        if one["kind"] in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
            selector = one["spec"]["selector"]
        elif one["kind"] == "Service":
            selector = {"matchLabels": one["spec"]["selector"]}
        else:
            continue
        selected = {str(pod) for pod in pods(manifests) if matches(selector, pod.labels)}
        assert selected == {f"Deployment/{one['metadata']['name'].removesuffix('-pods')}"}


def test_every_route_and_port_leads_to_a_container(manifests: tuple[Manifest, ...]) -> None:
    by_component = {component(pod.owner): pod for pod in pods(manifests)}
    services = {one["metadata"]["name"]: one for one in manifests if one["kind"] == "Service"}
    for service in services.values():
        ports = {
            port["name"]: port["containerPort"]
            for port in by_component[component(service)].spec["containers"][0]["ports"]
        }
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    for one in manifests:
        for rule in one["spec"].get("rules", []) if one["kind"] == "HTTPRoute" else ():
            mirrors = [item["requestMirror"]["backendRef"] for item in rule.get("filters", [])]
            assert all(ref["name"] == "fraud-staging" for ref in mirrors)
            assert [ref["name"] for ref in rule["backendRefs"]] == [one["metadata"]["name"]]
            for ref in (*mirrors, *rule["backendRefs"]):
                assert services[ref["name"]]["spec"]["ports"][0]["port"] == ref["port"]


def test_the_watch_asks_every_pod_with_tokens_from_files() -> None:
    manifests = rendered(*VARIANTS["production"])
    [watch] = [pod for pod in pods(manifests) if str(pod) == "CronJob/fraud-watch"]
    [container] = watch.containers
    service = named(manifests, "Service", "fraud-inference-pods")["spec"]
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    environment = watch.environment()

    assert container["args"][:4] == ["registry", "watch", "--pods", "fraud-inference-pods:8000"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)
    assert mounts["secrets"] == "/mnt/secrets"
    assert environment["FRAUD_TOKEN_FILE"]["value"] == "/mnt/secrets/token"
    assert environment["FRAUD_METRICS_TOKEN_FILE"]["value"] == "/mnt/secrets/metrics-token"
    assert environment["MLFLOW_TRACKING_USERNAME"]["value"] == "pods"
    assert "FRAUD_SIGNING_KEY" not in environment
    assert watch.owner["spec"]["suspend"] is True


def test_staging_has_no_route_and_leaves_no_records() -> None:
    manifests = rendered(*VARIANTS["everything"])
    [staging] = [pod for pod in pods(manifests) if str(pod) == "Deployment/fraud-staging"]
    routes = [one for one in manifests if one["kind"] in ("HTTPRoute", "Ingress")]

    environment = staging.environment()
    assert environment["FRAUD_RECORDS"]["value"] == "off"
    assert environment["FRAUD_FEATURE_STORE"]["value"] == "memory:"
    assert environment["MLFLOW_TRACKING_URI"]["value"] == "http://fraud-tracking.fraud-staging:5000"
    assert "FRAUD_RECORDS_TO" not in environment
    assert json.dumps(routes).count("fraud-staging") == 1  # the mirror


def test_probes_ask_what_they_should() -> None:
    manifests = rendered(*VARIANTS["production"])
    paths = {
        name: {
            kind: named(manifests, "Deployment", name)["spec"]["template"]["spec"]["containers"][0][
                f"{kind}Probe"
            ]["httpGet"]["path"]
            for kind in ("startup", "readiness", "liveness")
        }
        for name in ("fraud-inference", "fraud-tracking")
    }

    assert paths == {
        "fraud-inference": {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"},
        "fraud-tracking": {"startup": "/health", "readiness": "/ready", "liveness": "/health"},
    }


def test_a_rollout_keeps_what_is_ready_and_a_stop_has_time() -> None:
    manifests = rendered(*VARIANTS["production"], "--set", "inference.drainSeconds=15")
    for name in ("fraud-inference", "fraud-tracking"):
        strategy = named(manifests, "Deployment", name)["spec"]["strategy"]
        assert strategy == {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}

    inference = named(manifests, "Deployment", "fraud-inference")["spec"]
    assert inference["template"]["spec"]["terminationGracePeriodSeconds"] == 15 + 20 + 20
    assert "replicas" not in inference  # the autoscaler's
    tracking = named(manifests, "Deployment", "fraud-tracking")["spec"]["template"]["spec"]
    assert tracking["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert tracking["terminationGracePeriodSeconds"] == 70


def test_jobs_are_suspended_and_never_repeated() -> None:
    jobs = [one for one in rendered(*VARIANTS["everything"]) if one["kind"] == "CronJob"]

    found = {
        one["metadata"]["name"]: (
            one["spec"].get("suspend", False),
            one["spec"]["jobTemplate"]["spec"]["backoffLimit"],
        )
        for one in jobs
    }
    assert found == {
        "fraud-promotion": (True, 0),
        "fraud-training": (True, 0),
        "fraud-batch": (True, 0),
        "fraud-monitoring": (True, 0),
        "fraud-watch": (True, 0),
        "fraud-backup": (False, 1),
    }


@pytest.mark.parametrize(
    ("key", "account", "job"),
    [
        ("FRAUD_SIGNING_KEY", "fraud-promoter", "promotion"),
        ("FRAUD_TRAINING_KEY", "fraud-trainer", "training"),
    ],
)
def test_a_key_is_within_reach_of_its_job_alone(key: str, account: str, job: str) -> None:
    holding = {
        str(pod)
        for pod in pods(rendered(*VARIANTS["everything"]))
        if key in pod.environment() or account in json.dumps(pod.spec)
    }

    assert holding == {f"CronJob/fraud-{job}"}


def test_keys_and_provenance_reach_the_jobs_that_need_them() -> None:
    key = "azurekms://fraud-team.vault.azure.net/keys/fraud-training/1"
    values = (f"jobs.training.signingKey={key}", "ledger.provenance=repository: fraud")
    manifests = rendered(*VARIANTS["production"], *(f"--set={value}" for value in values))
    training, promotion = (
        next(pod for pod in pods(manifests) if str(pod) == f"CronJob/fraud-{name}").environment()
        for name in ("training", "promotion")
    )

    assert training["FRAUD_TRAINING_KEY"]["value"] == key
    assert promotion["FRAUD_PROVENANCE"]["value"] == "/etc/fraud/provenance.yaml"
    ledger = named(manifests, "ConfigMap", "fraud-ledger")["data"]
    assert ledger["provenance.yaml"] == "repository: fraud\n"
    assert ledger["ledger.yaml"] == (CHART / "ci" / "ledger.yaml").read_text()


def test_azures_sdk_tries_the_pods_identity_alone() -> None:
    credentials = {
        str(pod): pod.environment().get("AZURE_TOKEN_CREDENTIALS", {}).get("value")
        for pod in pods(rendered(*VARIANTS["production"]))
    }

    assert credentials == {
        "Deployment/fraud-inference": "WorkloadIdentityCredential",
        "Deployment/fraud-tracking": "WorkloadIdentityCredential",
        "CronJob/fraud-promotion": "WorkloadIdentityCredential",
        "CronJob/fraud-training": "WorkloadIdentityCredential",
        "CronJob/fraud-watch": "WorkloadIdentityCredential",
        "Job/fraud-migration": "WorkloadIdentityCredential",
        "Pod/fraud-inference-smoke": None,
    }


def allowed(manifests: tuple[Manifest, ...], sender: Pod, receiver: Pod) -> set[int]:
    """The ports on which a pod reaches another one in its namespace."""

    def ports(direction: str, pod: Pod, peer: Pod) -> set[int]:
        side = {"egress": "to", "ingress": "from"}[direction]
        return {
            port["port"]
            for one in manifests
            if one["kind"] == "NetworkPolicy" and matches(one["spec"]["podSelector"], pod.labels)
            for rule in one["spec"].get(direction, [])
            for other in rule[side]
            if set(other) == {"podSelector"} and matches(other["podSelector"], peer.labels)
            for port in rule["ports"]
        }

    return ports("egress", sender, receiver) & ports("ingress", receiver, sender)


@pytest.mark.parametrize(
    ("variant", "flows"),
    [
        (
            "dev",
            {
                "tracking postgresql 5432",
                "inference tracking 5000",
                "inference redis 6379",
                "promotion tracking 5000",
                "training tracking 5000",
                "watch tracking 5000",
                "watch inference 8000",
                "smoke tracking 5000",
                "smoke inference 8000",
            },
        ),
        (
            "everything",
            {
                "inference tracking 5000",
                "promotion tracking 5000",
                "training tracking 5000",
                "batch tracking 5000",
                "monitoring tracking 5000",
                "watch tracking 5000",
                "watch inference 8000",
                "smoke tracking 5000",
                "smoke inference 8000",
                "smoke staging 8000",
            },
        ),
    ],
)
def test_these_flows_are_allowed_in_the_namespace_and_no_others(
    variant: str, flows: set[str]
) -> None:
    manifests = rendered(*VARIANTS[variant])
    by_component = {component(pod.owner): pod for pod in pods(manifests)}

    denied = named(manifests, "NetworkPolicy", "fraud-default-deny")["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert flows == {
        f"{sender} {receiver} {port}"
        for sender, receiver in product(by_component, by_component)
        for port in allowed(manifests, by_component[sender], by_component[receiver])
    }


def test_from_outside_only_the_gateway_and_prometheus_reach_a_pod() -> None:
    manifests = rendered(*VARIANTS["everything"])
    outside = {
        one["metadata"]["name"]: {
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for rule in one["spec"].get("ingress", [])
            for peer in rule["from"]
            if set(peer) != {"podSelector"}
        }
        for one in manifests
        if one["kind"] == "NetworkPolicy" and one["spec"].get("ingress")
    }

    assert outside == {
        "fraud-tracking": {"fraud-gateway", "kube-system"},
        "fraud-inference": {"fraud-gateway", "kube-system"},
        "fraud-staging": {"fraud-gateway"},  # mirrored requests
    }


def test_everything_is_in_the_namespace_of_the_release(manifests: tuple[Manifest, ...]) -> None:
    assert {one["metadata"]["namespace"] for one in manifests} == {"fraud"}


def test_pods_of_other_namespaces_reach_the_tracking_server_only_where_they_are_named() -> None:
    clients = {"namespaceSelector": {"matchLabels": {"team": "fraud"}}}

    def sources(*values: str) -> list[Manifest]:
        policy = named(rendered(*PRODUCTION, *values), "NetworkPolicy", "fraud-tracking")
        return list(policy["spec"]["ingress"][0]["from"])

    assert clients in sources("--set", "networkPolicy.trackingClients.team=fraud")
    assert clients not in sources()


def test_the_smoke_test_reaches_the_tracking_server_of_staging_where_there_is_one() -> None:
    def reaches_any(*values: str) -> bool:
        policy = named(rendered(*PRODUCTION, *values), "NetworkPolicy", "fraud-smoke")
        return any(
            "namespaceSelector" in to for rule in policy["spec"]["egress"] for to in rule["to"]
        )

    assert reaches_any(*STAGING)
    assert not reaches_any()
