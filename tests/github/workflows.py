"""A workflow's jobs, whose `run` scripts are executed as a runner does, in order.

Steps that use an action (checkout, sign-in, upload) are taken as done: what they would leave
behind, the caller's folder and environment have.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.github.expressions import evaluate, resolved
from tests.places import REPOSITORY

FOLDER = REPOSITORY / ".github" / "workflows"
SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
"""GitHub's documentation, `jobs.<job_id>.steps[*].shell`."""
STATUS_FUNCTIONS = ("always()", "failure()", "success()", "cancelled()")
TIMEOUT_SECONDS = 600


def read_workflow(name: str) -> dict[Any, Any]:
    """A workflow by its file's name without `.yml`. YAML 1.1 reads the key `on` as true."""
    document: dict[Any, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    return document


def step_name(step: Mapping[str, Any]) -> str:
    return str(step.get("name") or step["uses"].partition("@")[0])


@dataclass
class StepRun:
    """What became of a step: `success`, `failure` or `skipped`, and what it wrote."""

    name: str
    outcome: str
    output: str = ""
    seconds: float = 0.0


@dataclass
class JobRun:
    """What became of a job."""

    steps: list[StepRun] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""

    @property
    def failed(self) -> bool:
        return any(step.outcome == "failure" for step in self.steps)

    @property
    def outcomes(self) -> dict[str, str]:
        """Of the steps with a script, by name."""
        return {step.name: step.outcome for step in self.steps}

    @property
    def errors(self) -> str:
        """What the steps that failed have written."""
        return "".join(step.output for step in self.steps if step.outcome == "failure")

    def output(self, name: str) -> str:
        return next(step.output for step in self.steps if step.name == name)


@dataclass(frozen=True)
class Runner:
    """A machine with a checkout: folder, environment, and contexts that do not change in a job."""

    checkout: Path
    environment: Mapping[str, str]
    contexts: Mapping[str, Any]
    temporary: Path

    def run(self, workflow: str, job: str, **contexts: Any) -> JobRun:
        """Run one job; `contexts` are `inputs` and `needs`."""
        document = read_workflow(workflow)
        described = document["jobs"][job]
        shell = document.get("defaults", {}).get("run", {}).get("shell")
        done = JobRun()
        steps: dict[str, Any] = {}
        everything = {
            "runner": {"temp": str(self.temporary)},
            "inputs": {},
            "needs": {},
            **self.contexts,
            **contexts,
            "steps": steps,
        }
        functions = {
            "always": lambda: True,
            "failure": lambda: done.failed,
            "success": lambda: not done.failed,
        }
        given = {**document.get("env", {}), **described.get("env", {})}
        for step in described["steps"]:
            condition = str(step.get("if", "success()"))
            if not any(function in condition for function in STATUS_FUNCTIONS):
                condition = f"success() && ({condition})"
            if not evaluate(condition, everything, functions):
                result = StepRun(step_name(step), "skipped")
                wrote: dict[str, str] = {}
            elif "run" not in step:
                result, wrote = StepRun(step_name(step), "success"), {}
            else:
                variables = {
                    name: resolved(value, everything, functions)
                    for name, value in {**given, **step.get("env", {})}.items()
                }
                result, wrote = self._execute(step, variables, SHELLS[step.get("shell", shell)])
                done.summary += (self.temporary / "summary").read_text()
            done.steps.append(result)
            if "id" in step:
                steps[step["id"]] = {"outputs": wrote, "outcome": result.outcome}
        for name, text in described.get("outputs", {}).items():
            done.outputs[name] = resolved(text, everything, functions)
        return done

    def _execute(
        self, step: Mapping[str, Any], variables: Mapping[str, str], shell: list[str]
    ) -> tuple[StepRun, dict[str, str]]:
        assert "${{" not in step["run"], "untrusted text would become a part of the script"
        files = {name: self.temporary / name for name in ("output", "summary", "path")}
        for path in files.values():
            path.write_text("")
        script = self.temporary / "script"
        script.write_text(step["run"])
        started = time.monotonic()
        done = subprocess.run(
            [*shell, str(script)],
            cwd=self.checkout,
            env={
                **self.environment,
                **variables,
                "GITHUB_OUTPUT": str(files["output"]),
                "GITHUB_STEP_SUMMARY": str(files["summary"]),
                "GITHUB_PATH": str(files["path"]),
                "RUNNER_TEMP": str(self.temporary),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        lines = files["output"].read_text().splitlines()
        outcome = "failure" if done.returncode else "success"
        result = StepRun(step["name"], outcome, done.stdout, time.monotonic() - started)
        return result, dict(line.partition("=")[::2] for line in lines)


def path_with(*folders: Path) -> str:
    """PATH with these folders first."""
    return os.pathsep.join((*map(str, folders), os.environ["PATH"]))
