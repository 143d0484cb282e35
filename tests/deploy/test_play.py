"""The chart as it is rendered, played by podman from the images: it trains, promotes and serves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

import polars as pl
import pytest
import requests
from cryptography.fernet import Fernet

from benchmarks.containers import CACHE, TAG, podman
from deploy.local import traffic
from deploy.local.processes import free_port, status_of
from deploy.local.proof import ANSWERS, prove_answers
from inference.tokens import new_token
from registry.atomic import locked
from registry.evaluation.rows import TIME
from registry.ledger.trust import read_trust
from registry.model.scorer import MODEL_FILE
from registry.tracking.head import fetch_head
from registry.tracking.rest import Registry
from tests.deploy.play.cluster import Cluster
from tests.deploy.play.manifests import Host
from tests.helm.rendering import DEV, rendered
from tests.images import built, needs_images
from tests.places import REPOSITORY
from tests.waiting import wait_until
from training.data import SIMULATED
from training.dataset import read_dataset

pytestmark = pytest.mark.timeout(1800)
"""Of seconds, since the images may have to be built first."""
USERS = ("trainer", "promoter", "pods")
STAND_INS = {
    "docker.io/library/postgres:17-bookworm": "postgresql",
    "docker.io/library/redis:7.4-bookworm": "redis",
}
PLAY = CACHE / "play" / "lock"
POLICY = REPOSITORY / "deploy" / "local" / "demo-policy.yaml"


@dataclass(frozen=True)
class Platform:
    """A cluster in which everything runs, and a laptop that reaches it."""

    cluster: Cluster
    folder: Path
    token: str
    passwords: dict[str, str]

    def environment(self, user: str) -> dict[str, str]:
        return {
            **os.environ,
            "MLFLOW_TRACKING_URI": self.cluster.address("fraud-tracking"),
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": self.passwords[user],
            "FRAUD_LEDGER_CONFIG": str(self.folder / "ledger.yaml"),
            "FRAUD_PROVENANCE": str(self.folder / "provenance.yaml"),
            "FRAUD_SIGNING_KEY": f"file2:{self.folder / 'signing-key.pem'}",
            "FRAUD_POLICY": str(POLICY),
        }

    def laptop(self, *arguments: str, user: str = "promoter") -> str:
        """`python -m …` on this machine; returns what it printed."""
        ended = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=self.environment(user),
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def readiness(self) -> requests.Response:
        return requests.get(f"{self.cluster.address('fraud-inference')}/readyz", timeout=5)


def make_ledger(folder: Path) -> None:
    keys = ("--private-key", "signing-key.pem", "--training-key", "training-key.pem")
    files = ("--config", "ledger.yaml", "--provenance", "provenance.yaml")
    subprocess.run(
        [sys.executable, "-m", "registry", "init", *files, *keys],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Everything up, and nothing in Production."""
    needs_images()
    images = {
        image: built(f"fraud-play-{name}", REPOSITORY / "tests" / "deploy" / "play" / name)
        for image, name in STAND_INS.items()
    }
    folder = tmp_path_factory.mktemp("platform")
    make_ledger(folder)
    token, line = new_token("payments", ("predict", "labels"))
    passwords = {user: token_urlsafe(16) for user in (*USERS, "admin")}
    secrets = {
        "fraud-postgresql": {"password": token_urlsafe(16)},
        "fraud-tracking": {
            "MLFLOW_FLASK_SERVER_SECRET_KEY": token_urlsafe(32),
            "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
            "MLFLOW_AUTH_ADMIN_PASSWORD": passwords["admin"],
        },
        "fraud-inference": {
            "tokens": f"{line}\n",
            "metrics-tokens": f"{line}\n",
            "smoke-token": token,
            "tracking-password": passwords["pods"],
        },
        "fraud-trainer": {"tracking-password": passwords["trainer"]},
        "fraud-promoter": {"tracking-password": passwords["promoter"]},
        "fraud-watch": {
            "tracking-password": passwords["pods"],
            "token": token,
            "metrics-token": token,
        },
    }
    services = ("fraud-tracking", "fraud-postgresql", "fraud-redis", "fraud-inference")
    host = Host(
        {service: free_port() for service in services},
        images,
        secrets,
    )
    documents = rendered(
        *DEV,
        *("--set-file", f"ledger.config={folder / 'ledger.yaml'}"),
        *("--set", f"global.imageRegistry=localhost,global.imageTag={TAG}"),
        *("--set", "inference.pollSeconds=1,inference.drainSeconds=0"),
    )
    cluster = Cluster(documents, host, folder)
    platform = Platform(cluster, folder, token, passwords)
    PLAY.parent.mkdir(exist_ok=True)
    # The names of pods are the machine's: another checkout waits.
    with locked(PLAY), removed(cluster):
        cluster.play("fraud-postgresql", "fraud-redis")
        wait_until(lambda: "ready to accept" in cluster.log("fraud-postgresql-postgresql"), 60)
        cluster.play("fraud-tracking")
        ready = f"{cluster.address('fraud-tracking')}/ready"
        wait_until(lambda: status_of(ready) == 200, 120)
        make_users(platform)
        cluster.play("fraud-inference")
        yield platform


@contextmanager
def removed(cluster: Cluster) -> Iterator[None]:
    """Before, for a test that was killed may have left it, and after."""
    cluster.remove()
    try:
        yield
    finally:
        cluster.remove()


def make_users(platform: Platform) -> None:
    folder = platform.folder / "passwords"
    folder.mkdir()
    for user in USERS:
        (folder / user).write_text(platform.passwords[user])
    roles = [f"--user={user}={'reader' if user == 'pods' else user}" for user in USERS]
    platform.laptop("deploy.tracking.rights", f"--passwords={folder}", *roles, user="admin")


@pytest.fixture(scope="module")
def promoted(platform: Platform) -> str:
    """Train in a Job of the chart, and promote from a laptop; what the Job printed."""
    wait_until(lambda: status_of(f"{platform.cluster.address('fraud-inference')}/livez") == 200)
    assert platform.readiness().status_code == 503
    train = ("training", "train", "--data", "simulated", "--dataset", "simulated")
    printed = platform.cluster.run("fraud-training", *train)
    platform.laptop("registry", "stage", "1")
    rows = str(platform.folder / "rows.parquet")
    platform.laptop("training", "rows", rows)
    reference = platform.laptop("registry", "evaluate", "--rows", rows).splitlines()[-1]
    approval = ("--approver", "github:alice", "--comment", "played")
    platform.laptop("registry", "promote", reference, *approval)
    return printed


def test_what_a_job_trained_is_served_from_raw_transactions(
    platform: Platform, promoted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "candidate 1 is registered" in promoted
    wait_until(lambda: platform.readiness().status_code == 200, 60)
    for name, value in platform.environment("pods").items():
        monkeypatch.setenv(name, value)
    registry = Registry(platform.cluster.address("fraud-tracking"))
    head = fetch_head(registry, read_trust(platform.folder / "ledger.yaml"))
    held_out = pl.read_parquet(platform.folder / "rows.parquet", columns=[TIME])[TIME][0]
    stretch = traffic.choose(SIMULATED, read_dataset("simulated"), held_out, ANSWERS)
    store = f"redis://127.0.0.1:{platform.cluster.host.ports['fraud-redis']}/0"
    load = ("features", "load", "--store", store, "--until", stretch.start.isoformat())
    platform.laptop(*load, user="pods")

    address = platform.cluster.address("fraud-inference")
    exchanges = traffic.send(address, stretch, head.scorer.contract, platform.token)

    prove_answers(exchanges, head.scorer, head.link)


def test_the_promotion_job_reads_the_ledger(platform: Platform, promoted: str) -> None:
    assert promoted
    assert "1 entries, 0 problems" in platform.cluster.run("fraud-promotion", "registry", "verify")


def test_the_watch_sees_the_pod_serve_the_head(platform: Platform, promoted: str) -> None:
    assert promoted
    wait_until(lambda: platform.readiness().status_code == 200, 60)
    pod = platform.cluster.address("fraud-inference")
    watch = ("registry", "watch", "--pod", pod, "--minutes", "0")
    printed = platform.cluster.run("fraud-watch", *watch)
    assert "1 of 1 pods serve version 1: promote of candidate 1 by github:alice" in printed


def test_a_pod_whose_ledger_is_tampered_with_does_not_become_ready(
    platform: Platform, promoted: str
) -> None:
    assert promoted
    platform.cluster.stop("fraud-inference")
    volume = podman("volume", "inspect", "--format={{.Mountpoint}}", "fraud-tracking-claim")
    artifacts = Path(volume.stdout.strip()) / "artifacts"
    [*_, model] = sorted(artifacts.rglob(MODEL_FILE), key=lambda path: path.stat().st_mtime)
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)

    platform.cluster.play("fraud-inference")

    wait_until(lambda: status_of(f"{platform.cluster.address('fraud-inference')}/livez") == 200)
    deadline = time.monotonic() + 30
    while MODEL_FILE not in platform.readiness().text and time.monotonic() < deadline:
        time.sleep(0.5)
    answer = platform.readiness()
    assert answer.status_code == 503
    assert MODEL_FILE in answer.text
