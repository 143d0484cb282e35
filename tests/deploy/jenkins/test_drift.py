"""The stages of the Jenkinsfile and the workflows' steps have the same commands."""

from __future__ import annotations

import re

import pytest

from tests.deploy.jenkins.pipeline import parse, scripts, stages
from tests.github.workflows import read_workflow
from tests.places import REPOSITORY

STEPS = {
    "Lint and test": [("ci", "test", "Lint and test")],
    "Train": [("train", "train", "Train")],
    "Stage": [("train", "train", "Stage")],
    "Evaluate": [("promote", "evaluate", "Rows"), ("promote", "evaluate", "Evaluate")],
    "Promote": [("promote", "promote", "Promote")],
    "Watch": [("promote", "promote", "Watch")],
    "Roll back": [("promote", "promote", "Roll back")],
}
"""Stage → workflow, job and step of each part."""
OF_ONE_SYSTEM = (
    r"deploy/as-user \w+ ",  # Jenkins' pods have their user already
    r" --(?:env|image|name|output) (?:\"[^\"]*\"|\S+)",
    r' --reason "[^"]*"',
    r' -P "model=\$MODEL"',  # a choice of the workflow's inputs
    r" --json\b",
    r"\.local/",
    r" (?:>|\|\|?) .*",
)
COMMAND = re.compile(r"python -m (?:registry|training|deploy)\b.*|\.ci/run")
ON_CLUSTER = re.compile(r"python -m deploy\.job fraud-training -- registry ")
"""Whether a command of the registry runs in a Job is the system's affair, too."""


def commands(script: str) -> list[str]:
    """The project's commands of a script, without what differs between the systems."""
    found = COMMAND.findall(re.sub(r"\s*\\\n\s*", " ", script))
    for pattern in OF_ONE_SYSTEM:
        found = [re.sub(pattern, "", one) for one in found]
    return [ON_CLUSTER.sub("python -m registry ", re.sub(r" +", " ", one)) for one in found]


def step_script(workflow: str, job: str, name: str) -> str:
    steps = read_workflow(workflow)["jobs"][job]["steps"]
    [script] = [step["run"] for step in steps if step.get("name") == name]
    return str(script)


@pytest.mark.parametrize("stage", STEPS)
def test_a_stage_runs_what_the_steps_of_the_same_name_run(stage: str) -> None:
    jenkins = "\n".join(scripts(stages(parse((REPOSITORY / "Jenkinsfile").read_text()))[stage]))
    github = "\n".join(step_script(*step) for step in STEPS[stage])

    assert commands(jenkins) == commands(github)
    assert commands(jenkins) != []


def test_an_option_that_only_one_has_is_found() -> None:
    assert commands('python -m registry stage "$CANDIDATE"') == commands(
        'python -m deploy.job fraud-training --name "a" -- registry stage "$CANDIDATE"'
    )
    assert commands("python -m registry promote --comment x") != commands(
        "python -m registry promote --comment x --approver y"
    )


def test_every_stage_with_commands_of_ours_is_compared() -> None:
    """Those without: Images, which Kaniko builds here and Buildx there, and Approve."""
    found = stages(parse((REPOSITORY / "Jenkinsfile").read_text()))
    ours = [name for name, one in found.items() if commands("\n".join(scripts(one)))]
    assert ours == list(STEPS)
