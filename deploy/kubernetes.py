"""A Job of Kubernetes, as kubectl makes, shows and deletes it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from registry.errors import NotFound, Unreachable, UsageError, on_one_line

TIMEOUT_SECONDS = 60
LOG_TIMEOUT = "600s"
"""How long one request follows a log, so that a connection that died is noticed."""
RUN_LABEL = "fraud-run"
REFUSED = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"}
)
"""Why a container waits that may never start, by the kubelet's own words."""
ORDINARY = frozenset({"", "Completed", "Error"})
"""Why a container ended, where its exit code says all."""


@dataclass(frozen=True)
class State:
    """What the cluster says about the pod of a Job."""

    pod: str = ""
    started: bool = False
    exit_code: int | None = None
    waits_for: str = ""
    problem: str = ""
    """What else is wrong: the Job's deadline is over, the container was out of memory."""


@dataclass(frozen=True)
class Changes:
    """What is different from the CronJob: arguments of the image, variables, and its image.

    `label` is a value of RUN_LABEL that no other Job has.
    """

    label: str
    arguments: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    image: str = ""

    def apply(self, job: dict[str, Any]) -> dict[str, Any]:
        """The Job with the changes in its first container, which is the only one."""
        job["metadata"].setdefault("labels", {})[RUN_LABEL] = self.label
        container = job["spec"]["template"]["spec"]["containers"][0]
        if self.arguments:
            container["args"] = list(self.arguments)
        if self.image:
            container["image"] = self.image
        names = {name for name, _ in self.variables}
        kept = [one for one in container.get("env", []) if one["name"] not in names]
        container["env"] = kept + [{"name": name, "value": text} for name, text in self.variables]
        return job


@dataclass(frozen=True)
class Cluster:
    """A namespace, as kubectl reaches it with the current context and rights."""

    namespace: str

    def create(self, cronjob: str, name: str, changes: Changes) -> None:
        """Create the Job. Raises NotFound, UsageError where it exists, Unreachable."""
        described = self._kubectl(
            "create", "job", name, f"--from=cronjob/{cronjob}", "--dry-run=client", "-o", "json"
        )
        job = changes.apply(json.loads(described))
        self._kubectl("create", "-f", "-", document=json.dumps(job))

    def state(self, name: str) -> State:
        """The state of the Job and its only pod. Raises Unreachable."""
        job = json.loads(self._kubectl("get", f"job/{name}", "-o", "json"))
        pods = json.loads(self._kubectl("get", "pods", "-l", f"job-name={name}", "-o", "json"))
        return read_state(job, pods["items"])

    def follow(self, pod: str, written: int, output: Sequence[TextIO]) -> int:
        """Copy the log, without the lines that were written before; how many lines there were."""
        command = ["kubectl", "--namespace", self.namespace, f"--request-timeout={LOG_TIMEOUT}"]
        command += ["logs", "--follow", f"pod/{pod}"]
        count = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as logs:
            try:
                for count, line in enumerate(logs.stdout or (), 1):
                    if count > written:
                        for file in output:
                            file.write(line.decode(errors="replace"))
                            file.flush()
            finally:
                logs.kill()
        return max(count, written)

    def delete(self, label: str) -> None:
        """Delete the Job with this label, if it is there, and with it its pod."""
        self._kubectl("delete", "jobs", "-l", f"{RUN_LABEL}={label}", "--wait=false")

    def _kubectl(self, *arguments: str, document: str | None = None) -> str:
        command = ["kubectl", "--namespace", self.namespace, "--request-timeout=30s", *arguments]
        try:
            done = subprocess.run(
                command,
                input=document,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            said = on_one_line(error.stderr.strip())
            if "AlreadyExists" in said:
                raise UsageError(f"{said}; give another --name") from None
            if "NotFound" in said:
                raise NotFound(f"{said}; the chart's jobs are in its README") from None
            raise Unreachable(f"kubectl ended with: {said}") from None
        except FileNotFoundError:
            raise UsageError("kubectl is missing; install it") from None
        except subprocess.TimeoutExpired:
            raise Unreachable("no answer from kubectl; check the context and try again") from None
        return done.stdout


def read_state(job: dict[str, Any], pods: Sequence[dict[str, Any]]) -> State:
    """The state in the documents of the API (batch/v1 Job, v1 Pod)."""
    failed = [
        on_one_line(f"{one.get('reason', 'failed')}: {one.get('message', '')}")
        for one in job.get("status", {}).get("conditions", [])
        if one["type"] == "Failed" and one["status"] == "True"
    ]
    problem = failed[0] if failed else ""
    if not pods:
        return State(problem=problem)
    name = pods[0]["metadata"]["name"]
    statuses = pods[0].get("status", {}).get("containerStatuses", [])
    state = statuses[0].get("state", {}) if statuses else {}
    if ended := state.get("terminated"):
        reason = on_one_line(ended.get("reason", ""))
        code = int(ended["exitCode"])
        return State(name, True, code, problem="" if reason in ORDINARY else reason)
    waiting = state.get("waiting", {})
    reason = waiting.get("reason", "")
    text = on_one_line(f"{reason}: {waiting.get('message', '')}") if reason in REFUSED else ""
    return State(name, "running" in state, waits_for=text, problem=problem)
