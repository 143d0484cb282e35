"""What zizmor, actionlint, shellcheck and GitHub's schema say about the workflows: nothing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.checks import checker
from tests.github.workflows import FOLDER, read_workflow
from tests.places import REPOSITORY

WORKFLOWS = sorted(path.stem for path in FOLDER.glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def checked(*command: str) -> str:
    """Run a checker, which finds shellcheck, and return what it printed if it failed."""
    path = os.pathsep.join((os.environ["PATH"], str(checker("shellcheck").parent)))
    done = subprocess.run(
        [str(checker(command[0])), *command[1:]],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_the_workflows_are_these() -> None:
    assert WORKFLOWS == ["ci", "infra", "promote", "release", "rollback", "train"]


def test_zizmor_finds_nothing() -> None:
    assert checked("zizmor", "--offline", "--no-progress", ".github") == ""


def test_actionlint_and_shellcheck_find_nothing() -> None:
    assert checked("actionlint", *(f".github/workflows/{name}.yml" for name in WORKFLOWS)) == ""


def test_a_script_with_a_fault_is_found(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: cat $1\n")
    assert "SC2086" in checked("actionlint", str(path))


def test_githubs_schemas_are_met() -> None:
    files = [f".github/workflows/{name}.yml" for name in WORKFLOWS]
    assert checked("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files) == ""
    dependabot = ("--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    assert checked("check-jsonschema", *dependabot) == ""


@pytest.mark.parametrize("name", WORKFLOWS)
def test_rights_are_the_least_and_actions_are_pinned(name: str) -> None:
    workflow = read_workflow(name)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job in workflow["jobs"].values():
        assert "secrets" not in str(job)
        for step in job["steps"]:
            assert "uses" not in step or PINNED.fullmatch(step["uses"])
            if str(step.get("uses")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_only_jobs_of_reviewed_environments_have_the_identities_that_sign_or_apply() -> None:
    holders = {
        (variable, name, str(job.get("environment", "")))
        for name in WORKFLOWS
        for job in read_workflow(name)["jobs"].values()
        for variable in ("PROMOTER_CLIENT_ID", "FRAUD_SIGNING_KEY", "TERRAFORM_CLIENT_ID")
        if f"vars.{variable}" in str(job)
    }
    assert holders == {
        ("PROMOTER_CLIENT_ID", "promote", "production"),
        ("PROMOTER_CLIENT_ID", "rollback", "production"),
        ("FRAUD_SIGNING_KEY", "promote", "production"),
        ("FRAUD_SIGNING_KEY", "rollback", "production"),
        ("TERRAFORM_CLIENT_ID", "infra", "infrastructure"),
    }


def test_promotions_follow_one_another_and_a_rollback_waits_for_nothing() -> None:
    assert read_workflow("promote")["concurrency"] == {"group": "promote"}
    assert "concurrency" not in read_workflow("rollback")
    assert "concurrency" not in read_workflow("rollback")["jobs"]["append"]


def test_what_a_branch_runs_is_not_on_the_runner_that_signs() -> None:
    """A pull request's code could stay behind there."""
    runners = {
        (name, number): job["runs-on"]
        for name in WORKFLOWS
        for number, job in read_workflow(name)["jobs"].items()
        if True in read_workflow(name) and "pull_request" in read_workflow(name)[True]
    }
    assert runners.pop(("infra", "apply")) == "${{ vars.FRAUD_RUNNER }}"  # main alone
    assert "pull_request" in read_workflow("infra")["jobs"]["apply"]["if"]
    assert not [one for one in runners.values() if "FRAUD_RUNNER" in one]
