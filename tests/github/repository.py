"""A clone with a ledger, as a runner has it, and stand-ins for Azure's programs.

Real are git, kubectl, the tracking server, training, evaluation, signing and the watch.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from deploy.local.processes import free_port, mlflow_server
from registry.ledger.chain import Ledger
from registry.ledger.creation import create_ledger
from registry.ledger.manifest import sha256_of
from registry.ledger.trust import Trust, read_trust
from registry.provenance.trusted import create_trusted
from registry.tracking.client import MlflowClient, connect, read_ledger
from tests.ansible.api_server import api_server, kubeconfig
from tests.ansible.plays import write_program
from tests.checks import checker
from tests.github.job_cluster import BATCH, JobCluster
from tests.github.workflows import JobRun, Runner, path_with
from tests.places import REPOSITORY
from tests.registry.ci_systems import CiSystem, ci_system, review, workflow_run
from tests.registry.provenance.origins import git

COPIED = ("batch", "deploy", "features", "inference", "registry", "requirements", "training")
FILES = ("MLproject", "conda.yaml", "pyproject.toml", ".gitignore")
CRONJOBS = ("fraud-training", "fraud-watch")
EASIER = (
    ("average_precision: 0.50", "average_precision: 0.40"),
    ("alert_budget_per_day: 100", "alert_budget_per_day: 20"),
    ("resamples: 2000", "resamples: 1000"),
)
"""Bounds that the embedded data reaches; every gate of the shipped policy is there."""

AZ = """#!{python}
import json, os, pathlib, sys
arguments = sys.argv[1:]
identity = pathlib.Path(os.environ.get("AZURE_CONFIG_DIR", "default")).name
with open({log!r}, "a") as log:
    print(identity, *arguments, file=log)
if arguments[:3] == ["keyvault", "secret", "show"]:
    print("the password of " + arguments[arguments.index("--name") + 1])
elif arguments[:2] == ["acr", "login"]:
    print("a token")
elif arguments[:2] == ["aks", "get-credentials"]:
    path = pathlib.Path(arguments[arguments.index("--file") + 1])
    path.write_text(pathlib.Path({kubeconfig!r}).read_text())
"""
HELM = """#!{python}
import os, pathlib, sys
identity = pathlib.Path(os.environ.get("AZURE_CONFIG_DIR", "default")).name
with open({log!r}, "a") as log:
    print(identity, *sys.argv[1:], file=log)
if "--password-stdin" in sys.argv:
    sys.stdin.read()
if sys.argv[1:3] == ["get", "metadata"]:
    print('{{"version": "1.2.3"}}')
elif sys.argv[1:3] == ["get", "values"]:
    print('{{"ledger": {{"config": "a text"}}}}')
"""
KUBELOGIN = "#!/bin/sh\nexit 0\n"

VARIABLES = {
    "AKS_CLUSTER": "aks-fraud",
    "AZURE_RESOURCE_GROUP": "rg-fraud",
    "AZURE_TENANT_ID": "a-tenant",
    "AZURE_SUBSCRIPTION_ID": "a-subscription",
    "FRAUD_DATA": "simulated",
    "FRAUD_DATASET": "simulated",
    "KEY_VAULT": "kv-fraud",
    "REGISTRY_HOST": "fraud.azurecr.io",
    "WATCH_MINUTES": "0.02",
}


@dataclass
class Project:
    """The clone, its ledger on a real server, the cluster, and GitHub's API."""

    folder: Path
    uri: str
    api: CiSystem
    cluster: JobCluster
    runs: int = 0
    runners: list[Runner] = field(default_factory=list)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def client(self) -> MlflowClient:
        return connect(self.uri)

    @property
    def trust(self) -> Trust:
        return read_trust(self.checkout / "ledger.yaml")

    @property
    def ledger(self) -> Ledger:
        return read_ledger(self.client, self.trust)

    @property
    def actions(self) -> list[str]:
        return [link.statement.entry.action for link in self.ledger.chain]

    def calls(self, program: str) -> list[str]:
        """What was asked of a stand-in: the identity, then its arguments."""
        path = self.folder / f"{program}.log"
        return path.read_text().splitlines() if path.exists() else []

    def commit(self, message: str) -> str:
        """Commit all changes as Carol; GitHub says that it verified the signature."""
        git(self.checkout, "add", "--all")
        git(self.checkout, "commit", "--quiet", "--message", message)
        commit = git(self.checkout, "rev-parse", "HEAD")
        self.api.answer(
            f"/repos/bank/fraud/commits/{commit}",
            {
                "commit": {"verification": {"verified": True, "reason": "valid"}},
                "author": {"login": "carol"},
                "committer": {"login": "carol"},
            },
        )
        return commit

    def new_run(self, workflow: str, actor: str = "carol", *reviews: dict[str, Any]) -> Runner:
        """A runner for the jobs of a new run, which GitHub's API knows, with its reviews."""
        self.runs += 1
        number, commit = str(self.runs), git(self.checkout, "rev-parse", "HEAD")
        path = f".github/workflows/{workflow}.yml"
        run = workflow_run(commit, actor, id=self.runs, path=path)
        self.api.answer(f"/repos/bank/fraud/actions/runs/{number}/attempts/1", run)
        self.api.answer(f"/repos/bank/fraud/actions/runs/{number}/approvals", list(reviews))
        temporary = self.folder / f"run-{number}"
        temporary.mkdir()
        environment = {
            **_environment(self.folder),
            **self.api.environment,
            "GITHUB_RUN_ID": number,
            "GITHUB_ACTOR": actor,
            "GITHUB_SHA": commit,
            "GITHUB_WORKFLOW_REF": f"bank/fraud/{path}@refs/heads/main",
        }
        del environment["GITHUB_TOKEN"]  # a step has it only where it asks for it
        key = self.folder / "signing-key.pem"
        variables = {
            **VARIABLES,
            "MLFLOW_TRACKING_URI": self.uri,
            "FRAUD_SIGNING_KEY": f"file2:{key}",
        }
        github = {"token": "token-of-the-job", "run_id": number, "run_attempt": "1"}
        contexts = {"vars": variables, "github": github}
        return Runner(self.checkout, environment, contexts, temporary)

    def train(self, model: str) -> JobRun:
        """The job `train` of a new run that Carol started."""
        return self.new_run("train").run(
            "train",
            "train",
            inputs={"model": model},
            needs={"image": {"outputs": {"image": "fraud.azurecr.io/fraud-training@sha256:0"}}},
        )

    def evaluate(self, candidate: str = "staging") -> JobRun:
        return self.new_run("promote").run("promote", "evaluate", inputs={"candidate": candidate})

    def promote(self, evidence: str, *reviews: dict[str, Any], attempt: str = "1") -> JobRun:
        """The job `promote` of a new run with these reviews; without any, Bob approved it."""
        runner = self.new_run("promote", "carol", *(reviews or (review("bob"),)))
        environment = {**runner.environment, "GITHUB_RUN_ATTEMPT": attempt}
        return replace(runner, environment=environment).run(
            "promote",
            "promote",
            inputs={"comment": "fewer false alerts"},
            needs={"evaluate": {"outputs": {"evidence": evidence}}},
        )


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": path_with(folder / "bin", Path(sys.executable).parent),
        "PYTHONPATH": str(folder / "checkout"),
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "RUNNER_TOOL_CACHE": str(folder / "tools"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    }


def _cronjob(name: str) -> dict[str, Any]:
    """What of the chart's CronJob a Job takes over."""
    container = {"name": "job", "image": "fraud-training:1.2.3", "args": ["registry", "status"]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    template = {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    return {"spec": {"suspend": True, "schedule": "0 1 * * 0", "jobTemplate": template}}


def _write_programs(folder: Path, cluster_url: str) -> None:
    (folder / "kubeconfig").write_text(kubeconfig(cluster_url))
    programs = folder / "bin"
    given = {"python": sys.executable, "kubeconfig": str(folder / "kubeconfig")}
    write_program(programs, "az", AZ.format(log=str(folder / "az.log"), **given))
    write_program(programs, "helm", HELM.format(log=str(folder / "helm.log"), **given))
    write_program(programs, "kubelogin", KUBELOGIN)
    kubectl = checker("kubectl", "../shared/tools/install-helm .venv-checks/bin")
    (programs / "kubectl").symlink_to(kubectl)


def _write_environment(folder: Path, checkout: Path) -> None:
    """The environment of this process, where the runner looks for the one that it made before."""
    pins = sha256_of(checkout / "requirements" / "training.txt")
    kept = folder / "tools" / f"fraud-{pins[:16]}"
    kept.mkdir(parents=True)
    (kept / "bin").symlink_to(Path(sys.executable).parent)
    (kept / "complete").touch()


def _copy_repository(checkout: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *COPIED],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout
    for name in (*filter(None, listed.decode().split("\0")), *FILES):
        if (REPOSITORY / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, checkout / name)


def _write_trust(folder: Path, checkout: Path, api: CiSystem) -> None:
    create_ledger(checkout / "ledger.yaml", folder / "signing-key.pem")
    create_trusted(checkout / "provenance.yaml", folder / "training-key.pem")
    trusted = yaml.safe_load((checkout / "provenance.yaml").read_text())
    trusted |= {
        "repository": ".",
        "github": {
            "repository": "bank/fraud",
            "workflow": ".github/workflows/train.yml",
            "server": "https://github.example",
            "api": api.uri,
        },
    }
    (checkout / "provenance.yaml").write_text(yaml.safe_dump(trusted, sort_keys=False))
    policy = checkout / "registry" / "policy.yaml"
    text = policy.read_text()
    for shipped, easier in EASIER:
        assert text.count(shipped) == 1
        text = text.replace(shipped, easier)
    policy.write_text(text)


@contextmanager
def project(folder: Path) -> Iterator[Project]:
    """A project in an empty folder, until the block ends; skips the test without kubectl."""
    checker("kubectl", "../shared/tools/install-helm .venv-checks/bin")
    checkout = folder / "checkout"
    _copy_repository(checkout)
    git(checkout, "init", "--quiet", "--initial-branch=main")
    (folder / "home").mkdir()
    _write_environment(folder, checkout)
    cluster = JobCluster(checkout=checkout)
    with (
        mlflow_server(folder / "mlflow", free_port()) as uri,
        ci_system() as api,
        api_server(cluster) as url,
    ):
        _write_programs(folder, url)
        _write_trust(folder, checkout, api)
        cluster.mounted = {
            **_environment(folder),
            "MLFLOW_TRACKING_URI": uri,
            "FRAUD_LEDGER_CONFIG": "ledger.yaml",
            "FRAUD_PROVENANCE": "provenance.yaml",
            "FRAUD_TRAINING_KEY": f"file2:{folder / 'training-key.pem'}",
        }
        for name in CRONJOBS:
            cluster.put(f"{BATCH}/cronjobs/{name}", _cronjob(name))
        made = Project(folder, uri, api, cluster)
        made.commit("Start the ledger")
        try:
            yield made
        finally:
            cluster.stop()
