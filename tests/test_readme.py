"""What the README tells a stranger to type, typed in a fresh clone with data of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from deploy.local.processes import free_port, running, wait_until_ok
from registry.tracking.client import connect
from tests.places import REPOSITORY
from tests.training import own_data

README = (REPOSITORY / "README.md").read_text()
CHAPTER = README[README.index("## Your own data") : README.index("## Gates and approval")]
REFERENCE = re.compile(r"[0-9a-f]{32}@sha256:[0-9a-f]{64}")
SHORTENED = re.compile(r"[0-9a-f]{8}…@sha256:[0-9a-f]{8}…")
RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+-\d+")
"""As MLflow gives one to a run without a name."""
TOKEN = re.compile(r"not shown again: (\S+)")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", CHAPTER, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The lines after a `$`, each with the lines that continue it, without comments."""
    text = "".join(blocks("console")).replace("\\\n", " ")
    return [line[2:].partition("  #")[0] for line in text.splitlines() if line.startswith("$ ")]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that has seen nothing but what is not committed here yet; the environment is ours."""
    folder = tmp_path / "clone"
    git("clone", "--quiet", str(REPOSITORY), str(folder))
    listed = git("ls-files", "-z", "--modified", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).exists():
            shutil.copy(REPOSITORY / name, folder / name)
        else:
            (folder / name).unlink()
    (folder / ".venv").symlink_to(sys.prefix)
    own_data.frame().with_row_index("payment").write_csv(folder / "payments.csv")
    [dataset] = blocks("yaml")
    (folder / "payments.yaml").write_text(dataset)
    assert yaml.safe_load(dataset)["label"] == "is_fraud"
    return folder


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return done.stdout


class Terminal:
    """Types one command after another; servers run until the test ends."""

    def __init__(self, clone: Path, servers: ExitStack) -> None:
        self._clone, self._servers = clone, servers
        self._mlflow, self._inference = free_port(), free_port()
        settings = ("MLFLOW_", "FRAUD_", "GIT_", "PYTHONPATH", "TOKEN")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(settings)}
        # The environment's own editable install is of this checkout, not of the clone.
        self._environment = {**kept, "PYTHONPATH": str(clone), "FRAUD_PORT": str(self._inference)}
        self._evidence = ""

    def type(self, command: str) -> str:
        """What the command printed; the evidence and the token are what was printed before."""
        command = command.replace("127.0.0.1:5000", f"127.0.0.1:{self._mlflow}")
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{self._inference}")
        command = SHORTENED.sub(self._evidence, command).strip()
        if command == "make server":
            command = f"make -o .venv/.installed server ARGS='--port {self._mlflow}'"
            self._serve(command, f"http://127.0.0.1:{self._mlflow}/health")
            return ""
        if command == "python -m inference":
            self._serve(command, f"http://127.0.0.1:{self._inference}/readyz")
            return ""
        # A shell of its own for each, which tells the next one what it has set.
        shell = f"set -e\n{command}\nenv -0 > {self._clone.parent / 'environment'}\n"
        done = subprocess.run(
            ["bash", "-c", shell],
            cwd=self._clone,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        for line in (self._clone.parent / "environment").read_text().split("\0"):
            name, is_set, value = line.partition("=")
            if is_set:
                self._environment[name] = value
        if "-e evaluate" in command:
            [self._evidence] = REFERENCE.findall(done.stdout)
        if token := TOKEN.search(done.stderr):
            self._environment["TOKEN"] = token[1]
        return f"{done.stdout}\n{done.stderr}"

    def run_names(self) -> list[str]:
        """The names of all runs on the server."""
        client = connect(f"http://127.0.0.1:{self._mlflow}")
        ids = [each.experiment_id for each in client.search_experiments()]
        return [str(run.info.run_name) for run in client.search_runs(ids)]

    def _serve(self, command: str, address: str) -> None:
        log = self._clone.parent / f"{command.rsplit(maxsplit=1)[-1]}.log"
        process = self._servers.enter_context(
            running(["bash", "-c", f"cd {self._clone} && exec {command}"], log, self._environment)
        )
        wait_until_ok(process, address, log)


@pytest.fixture
def terminal(clone: Path) -> Iterator[Terminal]:
    with ExitStack() as servers:
        yield Terminal(clone, servers)


@pytest.mark.timeout(900)
def test_the_readme_leads_from_own_data_to_a_served_model_and_back(terminal: Terminal) -> None:
    printed = {command: terminal.type(command) for command in commands()}

    def of(start: str) -> str:
        [text] = [text for command, text in printed.items() if command.startswith(start)]
        return text

    names = terminal.run_names()
    assert [name for name in names if RANDOM_NAME.fullmatch(name)] == []
    assert "will refuse" not in "".join(printed.values())
    answer = json.loads(of("curl").splitlines()[0])
    assert answer["decision"] in ("approve", "review")
    assert answer["model_version"] == 1
    assert "version 2: promote of candidate 2 by os:alice" in of("python -m registry status")
    assert "ticket 12" in of("python -m registry history")
    assert "ticket 13" in of("python -m registry history")
    assert "2 entries, 0 problems" in of("python -m registry verify")
    assert "version 3: rollback of candidate 1 by os:alice" in of("python -m registry rollback")
    assert "version 4: freeze" in of("python -m registry freeze")
