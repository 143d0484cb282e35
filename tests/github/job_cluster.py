"""A cluster whose API server starts a process for each Job, for the real kubectl to follow.

What it stands in for: scheduling, images, mounted secrets and files, and the cluster's DNS.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.ansible.api_server import Cluster, Resource

BATCH = "/apis/batch/v1/namespaces/fraud"
PODS = "/api/v1/namespaces/fraud/pods"
TIMEOUT_SECONDS = 300


@dataclass
class JobCluster(Cluster):
    """`mounted` are the variables that the image and its volumes would give; `hosts` the addresses
    of a headless Service, by `NAME:PORT`, which only the cluster's DNS knows."""

    checkout: Path = Path()
    mounted: Mapping[str, str] = field(default_factory=dict)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.put("/api/v1/namespaces/fraud", {})

    def put(self, path: str, resource: Resource) -> Resource:
        stored = super().put(path, resource)
        if path.startswith(f"{BATCH}/jobs/"):
            self._start(stored)
        return stored

    def remove(self, path: str) -> Resource:
        name = path.rpartition("/")[2]
        if path.startswith(f"{BATCH}/jobs/") and name in self.processes:
            self.processes[name].kill()
        return super().remove(path)

    def log(self, pod: str) -> bytes:
        name = pod.removesuffix("-pod")
        self.processes[name].wait(TIMEOUT_SECONDS)
        return self._log(name).read_bytes()

    def _log(self, name: str) -> Path:
        return self.checkout / ".local" / f"{name}.pod.log"

    def _start(self, job: Resource) -> None:
        name = job["metadata"]["name"]
        container = job["spec"]["template"]["spec"]["containers"][0]
        variables = {
            one["name"]: one["value"] for one in container.get("env", []) if "value" in one
        }
        self._log(name).parent.mkdir(exist_ok=True)
        with self._log(name).open("wb") as log:
            self.processes[name] = process = subprocess.Popen(
                [sys.executable, "-m", *self._resolved(container["args"])],
                cwd=self.checkout,
                env={**variables, **self.mounted},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        job["status"] = {}
        described = {
            "metadata": {"labels": {"job-name": name}},
            "spec": job["spec"]["template"]["spec"],
        }
        pod = self.put(f"{PODS}/{name}-pod", described)
        running = {"running": {"startedAt": "2026-11-28T00:00:00Z"}}
        pod["status"] = {"phase": "Running", "containerStatuses": [{"state": running}]}

        def end() -> None:
            code = process.wait(TIMEOUT_SECONDS)
            ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
            pod["status"] = {"phase": "Failed", "containerStatuses": [{"state": ended}]}
            kind = "Failed" if code else "Complete"
            job["status"] = {"conditions": [{"type": kind, "status": "True"}]}

        self.threads.append(threading.Thread(target=end))
        self.threads[-1].start()

    def _resolved(self, arguments: list[str]) -> list[str]:
        """The arguments with each address that a headless Service has now."""
        result: list[str] = []
        for argument in arguments:
            if result and result[-1] == "--pods" and argument in self.hosts:
                result.pop()
                for address in self.hosts[argument]:
                    result += ["--pod", address]
            else:
                result.append(argument)
        return result

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
        for thread in self.threads:
            thread.join(TIMEOUT_SECONDS)
