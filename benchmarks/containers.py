"""The images in podman: built, run without rights on a read-only file system, and measured."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.paths import REPOSITORY
from deploy.local.processes import status_of
from registry.atomic import locked
from registry.provenance.repository import Repository

BASE = "docker.io/library/python:3.11-slim-bookworm"
BUILD = REPOSITORY.parent / "shared" / "tools" / "image-build"
"""Builds a Dockerfile with podman and without a registry; on some machines, beside the checkout."""
CACHE = Path("/var/cache/image-build")
CONFIGURATION = CACHE / "containers.conf"
"""That program's configuration of podman."""
LOCK = CACHE / "lock"
"""Of the machine: its checkouts share podman's store, and the base that the program makes."""
TAG = f"test-{hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]}"
"""One for each checkout of a machine, as podman's images are the same for all."""
UNPRIVILEGED = (
    *("--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"),
    "--network=host",
)


def build() -> None:
    """Build the images as `make images` does; what has not changed comes from podman's cache.

    One process builds at a time. Raises Failed.
    """
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    # On the host's network: podman's own needs a firewall that may not be there. And of a commit,
    # also where a developer's files differ from it: the gates ask for one.
    commit = Repository(REPOSITORY).line("rev-parse", "HEAD")
    arguments = f"--network=host --build-arg REVISION={commit}"
    variables = [f"IMAGE_BUILD={BUILD}", f"IMAGE_TAG={TAG}", f"ARGS={arguments}"]
    command = ["make", "images", *variables]
    with locked(LOCK):
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Failed(f"the images are not built: {ended.stdout}{ended.stderr}")


class Failed(Exception):
    """podman, or what it ran, failed; the message is its output."""


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Raises Failed where podman fails, unless `check` is false."""
    environment = {**os.environ, "CONTAINERS_CONF": str(CONFIGURATION)}
    ended = subprocess.run(
        ["podman", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if check and ended.returncode:
        raise Failed(f"podman {arguments[0]}: {ended.stdout}{ended.stderr}")
    return ended


def image(target: str) -> str:
    return f"localhost/fraud-{target}:{TAG}"


def inspected(name: str) -> dict[str, Any]:
    """What podman knows of an image."""
    [found] = json.loads(podman("image", "inspect", name).stdout)
    return dict(found)


def size_above_base(target: str) -> int:
    """Bytes of the layers above the base, not compressed."""
    return int(inspected(image(target))["Size"]) - int(inspected(BASE)["Size"])


@dataclass(frozen=True)
class Container:
    """One that runs; `started` is when its start was asked for (time.monotonic)."""

    name: str
    started: float

    def seconds_until_ok(self, url: str, limit: float = 60) -> float:
        """Seconds from the start until `url` answers 200. Raises TimeoutError with its log."""
        while status_of(url) != 200:
            if time.monotonic() > self.started + limit:
                raise TimeoutError(f"no 200 from {url}: {self.log()}")
            time.sleep(0.01)
        return time.monotonic() - self.started

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        return podman("exec", *variables, self.name, *command, check=False)

    def python(self, program: str) -> str:
        """What a Python program prints inside. Raises Failed."""
        return podman("exec", self.name, "python", "-c", program).stdout.strip()

    def log(self) -> str:
        ended = podman("logs", self.name, check=False)
        return ended.stdout + ended.stderr

    def memory(self) -> dict[str, int]:
        """Resident memory of its first process in bytes, now and at most: VmRSS and VmHWM."""
        number = podman("inspect", "--format={{.State.Pid}}", self.name).stdout.strip()
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
        values = {line.split(":")[0]: line.split() for line in lines}
        return {name: int(values[name][1]) * 1024 for name in ("VmRSS", "VmHWM")}


@contextmanager
def container(target: str, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[Container]:
    """One of an image, without rights and on the host's network, until the block ends.

    Raises Failed where podman does not start it.
    """
    name = f"fraud-{target}-{secrets.token_hex(4)}"
    started = time.monotonic()
    try:
        podman(
            *("run", "--detach", f"--name={name}", *UNPRIVILEGED, *options),
            *(image(target), *arguments),
        )
        yield Container(name, started)
    finally:
        podman("rm", "--force", "--time=0", name, check=False)


def run_once(target: str, *arguments: str, options: tuple[str, ...] = ()) -> str:
    """What a command of an image prints. Raises Failed."""
    return podman("run", "--rm", *UNPRIVILEGED, *options, image(target), *arguments).stdout
