"""Runs a playbook as a user does, with programs on PATH that stand in for a cluster and Azure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.ansible.api_server import SWITCH_ON, kubeconfig
from tests.checks import checker
from tests.places import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "ansible"
RECAP = re.compile(r"^\S+ +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)

AZ = """#!{python}
import json, pathlib, sys, urllib.request
arguments, vault = sys.argv[1:], pathlib.Path({vault!r})
def option(name):
    return arguments[arguments.index(name) + 1]
with open({log!r}, "a") as log:
    print(*arguments, file=log)
if arguments[:2] == ["aks", "update"]:
    urllib.request.urlopen({switch!r}, b"")
elif arguments[2] == "list":
    print(json.dumps([path.name for path in vault.iterdir()]))
elif arguments[2] == "show":
    print(json.dumps((vault / option("--name")).read_text()))
elif arguments[2] == "set":
    (vault / option("--name")).write_text(pathlib.Path(option("--file")).read_text())
    print(json.dumps(option("--name")))
"""
KUBECTL = """#!/usr/bin/env bash
[[ " $* " == *" port-forward "* ]] || exec {kubectl} "$@"
echo "Forwarding from 127.0.0.1:{port} -> 5000"
exec sleep 300
"""


@dataclass(frozen=True)
class Played:
    """What came of a playbook: tasks that changed something, tasks that failed, and its output."""

    changed: int
    failed: int
    output: str


@dataclass(frozen=True)
class Machine:
    """The programs and the environment of whoever runs playbooks; all files are in `folder`."""

    folder: Path

    @property
    def vault(self) -> Path:
        """A file for each secret in Key Vault."""
        return self.folder / "vault"

    @property
    def az_calls(self) -> list[str]:
        return (self.folder / "az.log").read_text().splitlines()

    def play(self, playbook: str, variables: dict[str, Any], *arguments: str) -> Played:
        given = self.folder / "variables.yml"
        given.write_text(yaml.safe_dump(variables))
        command = [str(checker("ansible-playbook")), playbook, "-e", f"@{given}", *arguments]
        done = subprocess.run(
            command,
            cwd=FOLDER,
            check=False,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )
        recap = RECAP.search(done.stdout)
        assert recap, done.stdout + done.stderr
        return Played(int(recap[1]), int(recap[2]), done.stdout)

    def _environment(self) -> dict[str, str]:
        programs = (self.folder / "bin", checker("ansible-playbook").parent)
        return {
            "PATH": os.pathsep.join((*map(str, programs), os.environ["PATH"])),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "ANSIBLE_NOCOLOR": "1",
        }


def write_program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def write_az(machine: Machine, cluster_url: str = "") -> None:
    """An `az` that keeps the vault's secrets in files, and reports to the cluster's stand-in."""
    machine.vault.mkdir()
    log = machine.folder / "az.log"
    log.touch()
    text = AZ.format(
        python=sys.executable,
        vault=str(machine.vault),
        log=str(log),
        switch=cluster_url + SWITCH_ON,
    )
    write_program(machine.folder / "bin", "az", text)


def new_machine(folder: Path, cluster_url: str, tracking_port: int) -> Machine:
    """Real helm and kubectl for a cluster, and az for a vault; skips the test without helm."""
    helm = checker("helm", "../shared/tools/install-helm .venv-checks/bin")
    kubectl = checker("kubectl", "../shared/tools/install-helm .venv-checks/bin")
    machine = Machine(folder)
    write_az(machine, cluster_url)
    (folder / "bin" / "helm").symlink_to(helm)
    forwarding = KUBECTL.format(kubectl=kubectl, port=tracking_port)
    write_program(folder / "bin", "kubectl", forwarding)
    # Without a current one: playbooks name theirs.
    (folder / "kubeconfig").write_text(kubeconfig(cluster_url, current=""))
    return machine
