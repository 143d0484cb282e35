"""What is applied for Jenkins: least rights, restricted pods, and what programs say about it."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Any

import yaml

from tests.deploy.test_dockerfile import hadolint, trivy
from tests.helm.rendering import CRDS, Manifest, Pod, named, pods
from tests.helm.test_checks import findings, newest_versions, validate
from tests.places import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "jenkins"
VALUES = {
    "FRAUD_REGISTRY": "contoso.azurecr.io",
    "FRAUD_KEY_VAULT": "kv-example",
    "FRAUD_TENANT_ID": "the tenant",
    "FRAUD_EVALUATOR_CLIENT_ID": "evaluator",
    "FRAUD_IMAGES_CLIENT_ID": "images",
    "FRAUD_PROMOTER_CLIENT_ID": "promoter",
}
"""All that differs from team to team."""
CLIENT_ID = "azure.workload.identity/client-id"


def load(*patterns: str) -> tuple[Manifest, ...]:
    files = [path for pattern in patterns for path in sorted(FOLDER.glob(pattern))]
    texts = [Template(path.read_text()).substitute(VALUES) for path in files]
    return tuple(one for text in texts for one in yaml.safe_load_all(text) if one)


APPLIED = load("*.yaml")
# The Kubernetes plugin names its pods.
EVERYTHING = tuple(
    {**one, "metadata": {"name": "agent", **one["metadata"]}}
    for one in load("*.yaml", "pods/*.yaml")
)
PODS = pods(EVERYTHING)
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def of_kind(kind: str) -> list[Manifest]:
    return [one for one in APPLIED if one["kind"] == kind]


def namespace(pod: Pod) -> str:
    return str(pod.owner["metadata"]["namespace"])


def test_every_container_but_kanikos_is_restricted() -> None:
    containers = {
        (str(pod), pod.spec["serviceAccountName"], one["name"]): one
        for pod in PODS
        for one in pod.containers
    }

    kaniko = containers.pop(("Pod/agent", "fraud-jenkins-images", "kaniko"))
    assert len(containers) == 6
    for one in containers.values():
        assert one["securityContext"] == RESTRICTED
    assert kaniko["securityContext"] == {
        "runAsUser": 0,
        "runAsGroup": 0,
        "runAsNonRoot": False,
        "allowPrivilegeEscalation": False,
        "capabilities": {
            "drop": ["ALL"],
            "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"],
        },
    }
    assert all(set(one["resources"]) == {"requests", "limits"} for one in containers.values())


def test_every_pod_is_not_root_and_only_one_has_a_token_of_the_cluster() -> None:
    for pod in PODS:
        security = pod.spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 1000)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod.spec["enableServiceLinks"] is False
        assert all(one["sizeLimit"] for one in pod.volumes("emptyDir"))
        assert not any("hostPath" in volume for volume in pod.spec["volumes"])
    tokens = [
        pod.spec["serviceAccountName"] for pod in PODS if pod.spec["automountServiceAccountToken"]
    ]
    assert tokens == ["fraud-jenkins"]


def test_only_the_pod_of_promote_has_the_identity_that_signs() -> None:
    identities = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["metadata"]
        .get("annotations", {})
        .get(CLIENT_ID)
        for one in of_kind("ServiceAccount")
    }

    assert identities == {
        ("fraud-jenkins", "fraud-jenkins-test"): None,
        ("fraud-jenkins", "fraud-jenkins"): "evaluator",
        ("fraud-jenkins-images", "fraud-jenkins-images"): "images",
        ("fraud-jenkins-promote", "fraud-jenkins-promote"): "promoter",
        ("jenkins", "fraud-jenkins-backup"): None,
    }
    for pod in PODS:
        identity = identities[namespace(pod), pod.spec["serviceAccountName"]]
        labelled = pod.labels.get("azure.workload.identity/use") == "true"
        assert labelled == (identity is not None)


def test_what_a_pod_mounts_is_in_its_namespace_and_read_by_its_identity() -> None:
    mounted = {
        namespace(pod): one["volumeAttributes"]["secretProviderClass"]
        for pod in PODS
        for one in pod.volumes("csi")
    }
    classes = {
        one["metadata"]["namespace"]: (one["metadata"]["name"], one["spec"]["parameters"])
        for one in of_kind("SecretProviderClass")
    }

    assert mounted == {
        "fraud-jenkins": "fraud-promoter",
        "fraud-jenkins-promote": "fraud-promoter",
    }
    assert {name: found[0] for name, found in classes.items()} == mounted
    assert classes["fraud-jenkins"][1]["clientID"] == "evaluator"
    assert classes["fraud-jenkins-promote"][1]["clientID"] == "promoter"
    claims = {one["metadata"]["name"] for one in of_kind("PersistentVolumeClaim")}
    used = {one["claimName"] for pod in PODS for one in pod.volumes("persistentVolumeClaim")}
    assert used == claims == {"jenkins-home", "jenkins-backups"}


def test_the_rights_are_these_and_no_more() -> None:
    rights = {
        one["metadata"]["name"]: {
            resource: (rule["verbs"], rule.get("resourceNames"))
            for rule in one["rules"]
            for resource in rule["resources"]
        }
        for one in (*of_kind("ClusterRole"), *of_kind("Role"))
    }

    assert rights == {
        "fraud-jenkins-agents": {
            "pods": (["create", "delete", "get", "list", "watch"], None),
            "pods/log": (["get"], None),
            "events": (["list", "watch"], None),
        },
        "fraud-jenkins-exec": {"pods/exec": (["create", "get"], None)},
        "fraud-jenkins-jobs": {
            "cronjobs": (["get"], ["fraud-training", "fraud-watch"]),
            "jobs": (["create", "delete", "get", "list"], None),
            "pods": (["get", "list"], None),
            "pods/log": (["get"], None),
        },
    }
    assert of_kind("ClusterRoleBinding") == []
    assert {
        (one["metadata"]["namespace"], one["roleRef"]["name"], one["subjects"][0]["name"])
        for one in of_kind("RoleBinding")
    } == {
        ("fraud-jenkins", "fraud-jenkins-agents", "jenkins"),
        ("fraud-jenkins-images", "fraud-jenkins-agents", "jenkins"),
        ("fraud-jenkins-promote", "fraud-jenkins-agents", "jenkins"),
        ("fraud-jenkins-images", "fraud-jenkins-exec", "jenkins"),
        ("fraud", "fraud-jenkins-jobs", "fraud-jenkins"),
    }


def test_jobs_of_jenkins_are_bounded_whoever_else_is_in_the_namespace() -> None:
    policy = named(APPLIED, "ValidatingAdmissionPolicy", "fraud-jenkins-jobs")["spec"]
    [binding] = of_kind("ValidatingAdmissionPolicyBinding")
    [subject] = [one for one in of_kind("RoleBinding") if one["metadata"]["namespace"] == "fraud"]
    account = subject["subjects"][0]

    assert policy["failurePolicy"] == "Fail"
    assert binding["spec"] == {"policyName": "fraud-jenkins-jobs", "validationActions": ["Deny"]}
    user = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    assert user in policy["matchConditions"][0]["expression"]
    assert '["fraud-trainer", "fraud-watch"]' in policy["validations"][0]["expression"]
    assert "contoso.azurecr.io/fraud-training:" in policy["validations"][1]["expression"]


def test_nobody_reaches_an_agent_and_the_namespaces_bound_what_runs() -> None:
    levels = {
        one["metadata"]["name"]: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for one in of_kind("Namespace")
    }
    policies = [one for one in of_kind("NetworkPolicy") if one["spec"]["podSelector"] == {}]

    assert levels == {
        "fraud-jenkins": "restricted",
        "fraud-jenkins-images": "baseline",
        "fraud-jenkins-promote": "restricted",
    }
    assert {one["metadata"]["namespace"] for one in policies} == set(levels)
    for one in of_kind("NetworkPolicy"):
        assert one["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert "ingress" not in one["spec"]
    backup = named(APPLIED, "NetworkPolicy", "fraud-jenkins-backup")["spec"]
    assert "egress" not in backup


def test_the_two_newest_kubernetes_accept_everything_of_their_own(tmp_path: Path) -> None:
    known = [one for one in EVERYTHING if one["kind"] not in CRDS]

    assert len(known) == len(EVERYTHING) - 2 > 25
    for version in newest_versions():
        assert validate(tmp_path, known, version) == "", version


def test_trivy_finds_only_what_kaniko_needs(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    for number, one in enumerate(EVERYTHING):
        name = f"{one['kind']}-{number}.yaml"
        (tmp_path / "manifests" / name).write_text(yaml.safe_dump(one))

    found = {(target.partition("-")[0], check) for target, check, _ in findings(tmp_path)}

    assert found == {
        ("ClusterRole", "KSV-0048"),  # the Kubernetes plugin makes pods
        ("Role", "KSV-0048"),  # deploy.job makes Jobs, which admission.yaml bounds
        ("Role", "KSV-0053"),  # Kaniko has a container of its own
        ("Pod", "KSV-0014"),  # Kaniko unpacks images over its file system
        ("Pod", "KSV-0022"),  # and gives files to other users
        ("Pod", "KSV-0125"),  # and comes from GitHub's registry
        ("Pod", "KSV-0036"),  # deploy.job is a client of the cluster
    }


def test_the_agents_image_has_no_finding(tmp_path: Path) -> None:
    text = (FOLDER / "Dockerfile").read_text()

    assert (hadolint(text), trivy(tmp_path, text)) == ("", "")


def test_no_file_names_a_subscription_tenant_or_client() -> None:
    files = [REPOSITORY / "Jenkinsfile", *(one for one in FOLDER.rglob("*") if one.is_file())]
    page = (REPOSITORY / "docs" / "operations" / "jenkins.md").read_text()

    guid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
    assert len(files) > 12
    assert [path.name for path in files if guid.search(path.read_text())] == []
    assert [name for name in VALUES if name not in page] == []


def variables(value: Any) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", str(value)))


def test_an_agents_pod_has_no_variable_but_the_registry() -> None:
    found = {path.name: variables(path.read_text()) for path in FOLDER.glob("pods/*.yaml")}

    assert set(found) == {"build.yaml", "images.yaml", "promote.yaml", "restore.yaml", "test.yaml"}
    assert all(names == {"FRAUD_REGISTRY"} for names in found.values())
