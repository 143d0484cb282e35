"""Podman in the place of a cluster: pods of the chart, on free ports of this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.containers import podman
from tests.deploy.play.manifests import CLAIM, SECRET, Host, Manifest, Pod, playable, pod_of_job

JOB_SECONDS = 200


@dataclass(frozen=True)
class Cluster:
    """What was rendered, and where its files for podman are written."""

    documents: tuple[Manifest, ...]
    host: Host
    folder: Path

    def address(self, service: str) -> str:
        return f"http://127.0.0.1:{self.host.ports[service]}"

    def play(self, *names: str) -> None:
        """Start the pods of Deployments, with the ConfigMaps, volumes and Secrets that exist."""
        self._play(playable(self.documents, names, self.host))

    def stop(self, *names: str) -> None:
        """End pods, with what is theirs alone."""
        podman("pod", "rm", "--force", "--ignore", "--time=5", *names)
        left = podman("volume", "ls", "--quiet").stdout.split()
        own = [
            volume
            for volume in left
            if volume.startswith(tuple(f"{name}-" for name in names)) and CLAIM not in volume
        ]
        podman("volume", "rm", "--force", *own, check=False)

    def run(self, cron_job: str, *arguments: str) -> str:
        """Run a Job with other arguments, as CI does; return what it printed.

        Raises AssertionError with it where the Job fails.
        """
        [found] = [
            one
            for one in self.documents
            if one["kind"] == "CronJob" and one["metadata"]["name"] == cron_job
        ]
        pod = pod_of_job(found, list(arguments), self.host)
        container = f"{cron_job}-{pod['spec']['containers'][0]['name']}"
        try:
            self._play([*playable(self.documents, (), self.host), pod])
            deadline = time.monotonic() + JOB_SECONDS
            while (state := self._state(container)) != "exited" and time.monotonic() < deadline:
                time.sleep(0.5)
            printed = podman("logs", container, check=False)
            code = podman("inspect", "--format={{.State.ExitCode}}", container).stdout.strip()
        finally:
            self.stop(cron_job)
        assert (state, code) == ("exited", "0"), printed.stdout + printed.stderr
        return printed.stdout

    def log(self, container: str) -> str:
        printed = podman("logs", container, check=False)
        return printed.stdout + printed.stderr

    def remove(self) -> None:
        """All that was played, with its volumes."""
        names = [one["metadata"]["name"] for one in self.documents]
        self.stop(*names)
        podman("volume", "rm", "--force", *names, *(name + CLAIM for name in names), check=False)

    def _state(self, container: str) -> str:
        return podman("inspect", "--format={{.State.Status}}", container).stdout.strip()

    def _play(self, documents: list[Pod]) -> None:
        existing = podman("volume", "ls", "--quiet").stdout.split()
        new = [
            one
            for one in documents
            if one["kind"] != "PersistentVolumeClaim" or one["metadata"]["name"] not in existing
        ]
        secrets = [_secret(name, content) for name, content in self.host.secrets.items()]
        file = self.folder / "play.yaml"
        file.write_text(yaml.safe_dump_all([*secrets, *new]))
        podman("kube", "play", str(file))


def _secret(name: str, content: Mapping[str, str]) -> Pod:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name + SECRET},
        "data": dict(content),
    }
