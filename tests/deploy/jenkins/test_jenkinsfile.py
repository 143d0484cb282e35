"""The Jenkinsfile: its stages and their commands, who signs, who approves, what Groovy says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.checks import checker
from tests.components import missing, program
from tests.deploy.jenkins.pipeline import commands, parse, scripts, stages, strings
from tests.places import REPOSITORY

TEXT = (REPOSITORY / "Jenkinsfile").read_text()
PIPELINE = parse(TEXT).named("pipeline")
STAGES = stages(parse(TEXT))
COMMANDS = {
    "Lint and test": [".ci/run"],
    "Images": [],
    "Train": [
        'python -m deploy.job fraud-training --name "train-$BUILD" --output job.log '
        "-- mlflow run . --env-manager local --experiment-name fraud-detector "
        '-P "data=$DATA" -P "dataset=$DATASET"'
    ],
    "Stage": ['python -m registry stage "$CANDIDATE"'],
    "Evaluate": [
        'python -m training rows rows.parquet --data "$DATA" --dataset "$DATASET"',
        'python -m registry evaluate "$CANDIDATE" --rows rows.parquet --report report '
        "--json > evidence.json",
    ],
    "Approve": [],
    "Promote": ['python -m registry promote "$EVIDENCE" --comment "$COMMENT" --json > entry.json'],
    "Watch": [
        'python -m deploy.job fraud-watch --name "watch-$BUILD" --output watch.log '
        '-- registry watch --pods fraud-inference-pods:8000 --minutes "$MINUTES"'
    ],
    "Roll back": [
        'python -m registry rollback --if-tip "$TIP" --reason "the watch of $BUILD ended with 3"'
    ],
}
"""The stages in their order, and their commands."""

# Source: https://www.jenkins.io/doc/book/pipeline/syntax/
OF_PIPELINE = {
    *("agent", "environment", "libraries", "options", "parameters", "post", "stages", "tools"),
    "triggers",
}
OF_STAGE = {"agent", "environment", "input", "options", "post", "steps", "tools", "when"}


def test_the_stages_have_their_names_order_and_commands() -> None:
    found = {name: commands(stage) for name, stage in STAGES.items()}

    assert list(found) == list(COMMANDS)
    assert found == COMMANDS


def test_a_stage_or_command_that_is_renamed_left_out_or_added_is_noticed() -> None:
    for old, new in (
        ("stage('Watch')", "stage('Follow')"),
        ('--comment "$COMMENT"', ""),
        ("sh '.ci/run'", "sh '.ci/run'; sh 'python -m registry freeze'"),
    ):
        changed = {
            name: commands(one) for name, one in stages(parse(TEXT.replace(old, new))).items()
        }
        assert changed != COMMANDS


def test_every_section_is_one_of_declarative_pipelines() -> None:
    names = {section.head for section in PIPELINE.blocks}
    of_stages = {section.head for stage in STAGES.values() for section in stage.blocks}

    assert {"options", "parameters", "stages"} <= names <= OF_PIPELINE
    assert {"agent", "steps", "when"} <= of_stages <= OF_STAGE
    assert all("steps" in {one.head for one in stage.blocks} for stage in STAGES.values())


def test_only_promote_and_roll_back_run_in_the_pod_that_can_sign() -> None:
    pods = {name: re.findall(r"yaml pod\('(\w+)'\)", one.text) for name, one in STAGES.items()}

    assert pods == {
        "Lint and test": ["test"],
        "Images": ["images"],
        "Train": ["build"],
        "Stage": ["build"],
        "Evaluate": ["build"],
        "Approve": [],
        "Promote": ["promote"],
        "Watch": ["build"],
        "Roll back": ["promote"],
    }


def test_approvers_are_a_group_and_jenkins_says_which_of_them_it_was() -> None:
    approve = STAGES["Approve"].text

    assert "submitter: 'fraud-approvers'" in approve
    assert "submitterParameter: 'FRAUD_APPROVER'" in approve
    assert "env.FRAUD_APPROVER = answer.FRAUD_APPROVER" in approve
    assert TEXT.count("env.FRAUD_APPROVER =") == 1


def test_one_promotion_runs_at_a_time_and_no_stage_is_gone_around() -> None:
    options = PIPELINE.named("options").text

    assert "disableConcurrentBuilds()" in options
    assert "disableRestartFromStage()" in options
    assert [
        name for name, one in STAGES.items() if "when" in {each.head for each in one.blocks}
    ] == [
        "Train",
        "Roll back",
    ]


def test_groovy_puts_no_text_into_a_script() -> None:
    assert list(strings(TEXT, "double")) == [
        "deploy/jenkins/pods/${name}.yaml",
        "jenkins-${BUILD_NUMBER}",
        "Promote ${env.EVIDENCE} to Production? Read report/report.html first.",
        "The watch ended with ${code}: nobody knows how the new model does. Read watch.log.",
    ]
    assert '"""' not in TEXT


def test_kaniko_builds_all_targets_with_a_cache_and_securely() -> None:
    [script] = [text for text in scripts(STAGES["Images"]) if "/kaniko/executor" in text]
    targets = re.findall(r"for target in ([\w -]+);", script)
    dockerfile = (REPOSITORY / "Dockerfile").read_text()

    assert targets == ["inference inference-records tracking training"]
    for target in targets[0].split():
        assert re.search(rf"^FROM \S+ AS {target}$", dockerfile, re.MULTILINE)
    assert "--cache=true --cache-repo" in script
    assert re.findall(r"insecure|skip-tls|--force", script) == []


def test_shellcheck_finds_nothing_in_the_scripts(tmp_path: Path) -> None:
    files = []
    for name, stage in STAGES.items():
        for number, script in enumerate(scripts(stage)):
            files.append(tmp_path / f"{name}-{number}.sh")
            files[-1].write_text(script)

    assert len(files) > 15
    subprocess.run([checker("shellcheck"), "--shell=sh", *files], check=True, timeout=60)


def shell(script: str, folder: Path) -> str:
    command = ["sh", "-ec", script]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_the_candidate_is_read_from_the_jobs_log(tmp_path: Path) -> None:
    [script] = [text for text in scripts(STAGES["Train"]) if text.startswith("awk ")]
    (tmp_path / "job.log").write_text(
        "  run 4f2a\ncandidate 12 is registered; next: python -m registry stage 12\n"
    )

    assert shell(script, tmp_path) == "12"
    assert '"candidate {version} is registered' in (REPOSITORY / "training/cli.py").read_text()


def test_what_is_approved_is_read_from_the_evidence(tmp_path: Path) -> None:
    [script] = [text for text in scripts(STAGES["Evaluate"]) if "python -c" in text]
    (tmp_path / "evidence.json").write_text('{"evidence": "4f2a@sha256:9c1e", "name": "x"}\n')

    assert shell(script, tmp_path) == "4f2a@sha256:9c1e"


@pytest.mark.parametrize(("text", "problem"), [("a { b {} ", "not closed: 'a'"), ("a {} }", "too")])
def test_braces_that_do_not_match_are_an_error(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text)


LINTER = ("npm-groovy-lint", "npm install --global npm-groovy-lint@14.6.0")
QUICK = "-XX:TieredStopAtLevel=1"
"""A short run costs half the processor time without the second compiler."""


def java() -> str:
    """Java 17: with any other, npm-groovy-lint fetches one from the network, and Groovy 3 fails."""
    path = program("java", "apt-get install openjdk-17-jdk-headless")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stderr
    if ' "17.' not in said:
        missing("Java 17", "apt-get install openjdk-17-jdk-headless")
    return path


@pytest.fixture(scope="module")
def builds() -> dict[str, dict[str, Any]]:
    """Steps and variables of builds by `CANDIDATE:WATCH`, as the stand-in in Groovy ran them."""
    groovy = Path(program(*LINTER)).resolve().parent / "java" / "groovy" / "lib" / "*"
    stand_in = Path(__file__).with_name("declarative.groovy")
    command = [java(), QUICK, "-cp", str(groovy), "groovy.ui.GroovyMain", str(stand_in)]
    command += [str(REPOSITORY), ":0", "12:3", "12:2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    ran: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return ran


def stages_run(steps: list[str]) -> list[str]:
    """The names of the stages that were not left out."""
    following = zip(steps, [*steps[1:], ""], strict=True)
    return [
        step.removeprefix("stage ")
        for step, then in following
        if step.startswith("stage ") and then != "skipped"
    ]


def test_a_build_trains_and_promotes_what_it_trained(builds: dict[str, dict[str, Any]]) -> None:
    build = builds[":0"]

    assert stages_run(build["steps"]) == list(COMMANDS)[:-1]
    assert {name: build["env"][name] for name in ("BUILD", "CANDIDATE", "EVIDENCE")} == {
        "BUILD": "jenkins-7",
        "CANDIDATE": "12",
        "EVIDENCE": "a@sha256:b",
    }
    assert (build["env"]["FRAUD_APPROVER"], build["env"]["COMMENT"]) == ("alice", "ticket 12")
    assert (
        "input Promote a@sha256:b to Production? Read report/report.html first." in build["steps"]
    )


def test_a_watch_that_ends_with_3_rolls_back_and_fails_the_build(
    builds: dict[str, dict[str, Any]],
) -> None:
    steps = builds["12:3"]["steps"]

    assert stages_run(steps) == [name for name in COMMANDS if name != "Train"]
    assert steps[-4:] == [
        "pod fraud-jenkins-promote",
        'sh make setup VENV="$HOME/venv"',
        'sh python -m registry rollback --if-tip "$TIP" '
        '--reason "the watch of $BUILD ended with 3"',
        "error The new model did worse, and was rolled back. Read watch.log.",
    ]


def test_a_watch_that_could_not_watch_fails_the_build_and_rolls_nothing_back(
    builds: dict[str, dict[str, Any]],
) -> None:
    steps = builds["12:2"]["steps"]

    assert stages_run(steps)[-1] == "Watch"
    assert steps[-1].startswith("error The watch ended with 2")
    assert not any("rollback" in step for step in steps)


def test_npm_groovy_lint_finds_nothing_and_would_notice(tmp_path: Path) -> None:
    java()
    (tmp_path / "broken").mkdir()
    for name in ("Jenkinsfile", ".groovylintrc.json"):
        shutil.copy(REPOSITORY / name, tmp_path)
    broken = TEXT.replace("sh '.ci/run'", "sh '.ci/run")
    (tmp_path / "broken" / "Jenkinsfile").write_text(broken)
    command = [
        # Without its server, which would outlive the test.
        *(program(*LINTER), "--noserver", f"--javaoptions={QUICK},-Xmx1g"),
        *("--output", "json", "--path", ".", "--files", "**/Jenkinsfile"),
    ]

    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )

    files = json.loads(done.stdout)["files"]
    assert files[str(tmp_path / "Jenkinsfile")]["errors"] == []
    [error] = files[str(tmp_path / "broken" / "Jenkinsfile")]["errors"]
    assert error["rule"] == "NglParseError"
