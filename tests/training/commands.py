"""`python -m training`, run in this process to save its imports, or as a process of its own."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from registry.tracking.names import CANDIDATES, TRAINING_EXPERIMENT
from tests.places import REPOSITORY
from training.cli import main


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    output: str
    errors: str

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.errors.splitlines() if line.startswith("error:")]


def training(uri: str, *arguments: str, folder: Path = REPOSITORY) -> Finished:
    """`python -m training ARGUMENTS` in this process, from `folder`."""
    output, errors, code = io.StringIO(), io.StringIO(), 0
    handler = signal.getsignal(signal.SIGTERM)
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["training", *arguments])
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        finally:
            signal.signal(signal.SIGTERM, handler)
    return Finished(code, output.getvalue(), errors.getvalue())


def environment_of(uri: str, **more: str) -> dict[str, str]:
    """For a process: this virtual environment first, this tracking server."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {
        **os.environ,
        "PATH": path,
        "MLFLOW_TRACKING_URI": uri,
        **more,
    }


def process(command: list[str], environment: dict[str, str]) -> Finished:
    """A command run in the repository."""
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def newest_run(client: MlflowClient, experiment: str = TRAINING_EXPERIMENT) -> Run:
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    [run] = client.search_runs(
        [found.experiment_id],
        "tags.`mlflow.parentRunId` IS NULL",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return run


def candidates(client: MlflowClient) -> list[int]:
    """The version numbers of all candidates, lowest first."""
    return sorted(int(one.version) for one in client.search_model_versions(f"name='{CANDIDATES}'"))
