"""Running commands, and steps that the tests of several modules share."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from registry.cli.main import main
from registry.tracking.names import PRODUCTION
from tests.places import REPOSITORY
from tests.world import World

BY_BOB = ("--approver", "github:bob")


class Commands:
    """Runs commands in this process, as `python -m registry` would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.error = ""

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """The exit code and standard output; `error` then holds standard error's last line."""
        self._monkeypatch.setattr(sys, "argv", ["registry", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = self._capsys.readouterr()
        self.error = (captured.err.splitlines() or [""])[-1]
        return int(ended.value.code or 0), captured.out


def run_module(
    environment: dict[str, str], *arguments: str, standard_input: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "registry", *arguments],
        stdin=standard_input,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def evaluate_here(run_here: Commands, world: World, candidate: int) -> str:
    """Evaluate and return the reference that the last line of the output is."""
    _, out = run_here("evaluate", str(candidate), "--rows", str(world.rows))
    return out.splitlines()[-1]


def append_by_hand(world: World) -> None:
    entry = world.put_in_production().statement.entry
    world.client.create_model_version(PRODUCTION, entry.source, run_id=entry.evidence.run_id)
