"""infra.yml: the plan that was approved is applied, and no other."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.github.stand_ins import calls, runner
from tests.github.workflows import JobRun, Runner
from tests.places import REPOSITORY

IN_LIVE = "terraform -chdir=terraform/live"
CONTEXTS: dict[str, Any] = {
    "vars": {"TERRAFORM_BACKEND": "container = 1", "TERRAFORM_VARIABLES": 'name = "fraud"'},
    "github": {"token": "a-token"},
}


@pytest.fixture
def machine(tmp_path: Path) -> Runner:
    (tmp_path / "shown").write_text("1 to add ```")
    show = {"-chdir=terraform/live show": f"@{tmp_path / 'shown'}"}
    made = runner(tmp_path, {"terraform": show, "gh": {}}, **CONTEXTS)
    # Its own folder for the files of values, which the workflow writes.
    (made.checkout / "terraform").unlink()
    (made.checkout / "terraform" / "live").mkdir(parents=True)
    return made


def run(machine: Runner, job: str, event: str, **needs: Any) -> JobRun:
    pull_request = {"number": 5}
    github = {**CONTEXTS["github"], "event_name": event, "event": {"pull_request": pull_request}}
    return machine.run("infra", job, github=github, needs=needs)


def test_a_pull_request_gets_its_plan_as_a_comment(machine: Runner, tmp_path: Path) -> None:
    done = run(machine, "plan", "pull_request")

    assert not done.failed, done.errors
    digest = hashlib.sha256(b"1 to add ```\n").hexdigest()
    assert done.outputs == {"digest": digest}
    assert done.summary == (
        "<details><summary>Terraform plan</summary>\n\n~~~~\n1 to add ```\n~~~~\n\n</details>\n"
    )
    assert calls(tmp_path) == [
        f"{IN_LIVE} init -input=false -backend-config=backend.hcl",
        f"{IN_LIVE} plan -input=false -lock=false -lock-timeout=5m -out=plan",
        f"{IN_LIVE} show -no-color plan",
        "gh pr comment 5 --body-file .local/comment.md --edit-last --create-if-none",
    ]
    live = machine.checkout / "terraform" / "live"
    assert (live / "backend.hcl").read_text() == "container = 1\n"
    assert (live / "terraform.tfvars").read_text() == 'name = "fraud"\n'


def test_the_approved_plan_is_applied_and_another_is_not(machine: Runner, tmp_path: Path) -> None:
    planned = run(machine, "plan", "push")
    assert planned.outcomes["Comment"] == "skipped"
    done = run(machine, "apply", "push", plan={"outputs": planned.outputs})
    assert not done.failed, done.errors
    apply = f"{IN_LIVE} apply -input=false -lock-timeout=5m plan"
    assert calls(tmp_path)[-1] == apply

    (tmp_path / "shown").write_text("1 to destroy")
    done = run(machine, "apply", "push", plan={"outputs": planned.outputs})
    assert done.outcomes["Apply"] == "failure"
    assert "1 to destroy" in done.summary
    assert calls(tmp_path).count(apply) == 1


def test_a_plan_that_is_too_long_for_a_comment_is_cut_there_and_says_so(
    machine: Runner, tmp_path: Path
) -> None:
    (tmp_path / "shown").write_text("1 to add\n" * 10_000)
    done = run(machine, "plan", "pull_request")
    assert not done.failed, done.errors
    assert done.summary.count("1 to add") == 10_000
    comment = (machine.checkout / ".local" / "comment.md").read_text()
    assert len(comment) < 65_536
    assert comment.endswith("**This is cut**: the whole plan is in the summary of the run.\n")


def test_files_of_values_are_not_in_git() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text().splitlines()
    assert {"terraform/live/backend.hcl", "terraform/live/*.tfvars"} <= set(ignored)
