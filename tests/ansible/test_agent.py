"""agent.yml on this machine: what changes it is only checked, the project is installed for real, in
a folder of the test's own."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ansible.plays import Machine
from tests.components import missing

MAKEFILE = """\
setup: .venv
.venv: pins.txt
\tcp pins.txt .venv
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """This machine as the only agent; its user stays as it is."""
    return Machine(tmp_path)


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """This machine, without becoming another user."""
    path = tmp_path / "inventory.yml"
    local = {"ansible_connection": "local", "ansible_become": False}
    python = {"ansible_python_interpreter": "/usr/bin/python3"}
    path.write_text(yaml.safe_dump({"agents": {"hosts": {"localhost": {**local, **python}}}}))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose `make setup` takes no time."""
    folder = tmp_path / "origin"
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "pins.txt").write_text("one==1\n")
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=ana", "-c", "user.email=ana@example.com")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, timeout=60)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "Change the pins")


def test_the_project_is_installed_once(machine: Machine, inventory: Path, project: Path) -> None:
    clone = machine.folder / "fraud"
    variables = {
        "agent_user": getpass.getuser(),
        "agent_home": str(machine.folder),
        "agent_repository": str(project),
        "agent_project": str(clone),
    }
    arguments = ("--inventory", str(inventory), "--tags", "project")

    checked = machine.play("agent.yml", variables, "--check", *arguments)

    assert (checked.changed, checked.failed) == (1, 0), checked.output
    assert not clone.exists()

    first = machine.play("agent.yml", variables, *arguments)

    assert (first.changed, first.failed) == (2, 0), first.output
    assert (clone / ".venv").read_text() == "one==1\n"

    second = machine.play("agent.yml", variables, *arguments)

    assert (second.changed, second.failed) == (0, 0), second.output


def test_packages_and_user_are_only_checked(machine: Machine, inventory: Path) -> None:
    if subprocess.run(["/usr/bin/python3", "-c", "import apt"], check=False).returncode:
        missing("python3-apt", "apt-get install python3-apt")
    variables: dict[str, Any] = {
        "agent_user": "fraud-agent-of-no-machine",
        "agent_packages": ["git"],
        "agent_vendor_packages": ["no-such-helm"],
    }
    arguments = ("--check", "--inventory", str(inventory))

    refused = machine.play("agent.yml", variables, *arguments)

    assert (refused.changed, refused.failed) == (0, 1)
    assert "No package matching 'no-such-helm' is available" in refused.output
    assert "Name the vendors' repositories in agent_apt_repositories" in refused.output

    variables["agent_vendor_packages"] = []
    checked = machine.play("agent.yml", variables, *arguments)

    # The user; the project waits for it.
    assert (checked.changed, checked.failed) == (1, 0), checked.output


def test_a_token_in_the_address_is_refused(machine: Machine, inventory: Path) -> None:
    variables = {
        "agent_user": getpass.getuser(),
        "agent_repository": "https://ana:token@git.example.com/fraud.git",
    }

    played = machine.play(
        "agent.yml", variables, "--inventory", str(inventory), "--tags", "project"
    )

    assert played.failed == 1
    assert "agent_repository holds a password or token" in played.output
