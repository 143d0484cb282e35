"""`python -m deploy.job` with the real kubectl, on a cluster that starts a process for each Job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ansible.api_server import api_server, kubeconfig
from tests.checks import checker
from tests.github.job_cluster import BATCH, JobCluster
from tests.places import REPOSITORY
from tests.waiting import wait_until

PROGRAM = """
import os, sys, time
print("hello from", os.environ.get("NAME"), flush=True)
time.sleep(float(sys.argv[1]))
sys.exit(int(sys.argv[2]))
"""
JOBS = f"{BATCH}/jobs"


@dataclass(frozen=True)
class Machine:
    """A cluster with one CronJob, whose image has the program `hello SECONDS CODE`."""

    cluster: JobCluster
    environment: dict[str, str]
    folder: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.job", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output, and the last line of standard error."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=120)
        return process.returncode, out, (err.splitlines() or [""])[-1]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    kubectl = checker("kubectl", "../shared/tools/install-helm .venv-checks/bin")
    folder = tmp_path_factory.mktemp("job")
    (folder / "hello.py").write_text(PROGRAM)
    cluster = JobCluster(checkout=folder, mounted={"PATH": os.environ["PATH"]})
    container = {"name": "job", "image": "a:1", "args": ["hello", "0", "0"]}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    cluster.put(f"{BATCH}/cronjobs/fraud-hello", {"spec": {"jobTemplate": template}})
    with api_server(cluster) as url:
        (folder / "kubeconfig").write_text(kubeconfig(url))
        environment = {
            "PATH": os.pathsep.join((str(kubectl.parent), os.environ["PATH"])),
            "PYTHONPATH": str(REPOSITORY),
            "HOME": str(folder),
            "KUBECONFIG": str(folder / "kubeconfig"),
            "NAME": "this process",
        }
        yield Machine(cluster, environment, folder)
        cluster.stop()


def test_it_prints_the_log_and_ends_with_the_exit_code_of_the_container(machine: Machine) -> None:
    copy = machine.folder / "copy.log"
    options = ("--name", "one", "--env", "NAME", "--output", str(copy))
    code, out, error = machine.run("fraud-hello", *options, "--", "hello", "0", "3")
    assert (code, out, error) == (3, "hello from this process\n", "job one in namespace fraud")
    assert copy.read_text() == out

    code, out, error = machine.run("fraud-hello", "--name", "one")
    assert (code, out) == (2, "")
    assert error.startswith("error: Error from server (AlreadyExists): ")
    assert error.endswith("; give another --name")
    assert f"{JOBS}/one" in machine.cluster.resources
    given = machine.run("fraud-hello", "--name", "two", "--env", "NAME=x")
    assert given[:2] == (0, "hello from x\n")


def test_a_job_that_is_interrupted_is_deleted(machine: Machine) -> None:
    process = machine.start("fraud-hello", "--name", "three", "--", "hello", "100", "0")
    wait_until(lambda: f"{JOBS}/three" in machine.cluster.resources, 60)
    wait_until(lambda: "three" in machine.cluster.processes, 60)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert f"{JOBS}/three" not in machine.cluster.resources
    assert machine.cluster.processes["three"].wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ("fraud-missing",),
            'error: Error from server (NotFound): cronjobs "fraud-missing" not found; '
            "the chart's jobs are in its README",
        ),
        (
            ("fraud-hello", "--name", "Not_A_Name"),
            "error: 'Not_A_Name' is not a name of a Job: at most 52 of a-z, 0-9 and -",
        ),
        (("fraud-hello", "--env", "MISSING"), "error: --env MISSING: the variable is not set"),
        (("fraud-hello", "--env", "A-B=1"), "error: --env 'A-B=1': not NAME or NAME=VALUE"),
    ],
)
def test_what_cannot_run_is_one_line(
    machine: Machine, arguments: tuple[str, ...], error: str
) -> None:
    assert machine.run(*arguments) == (2, "", error)
