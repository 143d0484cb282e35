"""Who approved, according to GitHub, Jenkins or the terminal."""

from __future__ import annotations

import getpass
from collections.abc import Iterator

import pytest

from registry.errors import Refused, Unreachable, UsageError
from registry.lifecycle.approval import Approval, approvals, with_comment
from tests.registry.ci_systems import APPROVALS, CiSystem, ci_system, review

PRODUCTION = "production"


@pytest.fixture
def github() -> Iterator[CiSystem]:
    with ci_system() as api:
        yield api


@pytest.fixture
def jenkins() -> Iterator[CiSystem]:
    with ci_system() as api:
        yield api


def test_in_github_actions_each_approving_reviewer_is_read_from_the_run(github: CiSystem) -> None:
    github.answer(
        APPROVALS,
        [review("Alice", comment="looks good"), review("bob"), review("eve", "rejected")],
    )
    approved = approvals(github.environment, None, PRODUCTION, at_terminal=False)
    url = "https://github.example/bank/fraud/actions/runs/42"
    assert approved == (
        Approval("github:alice", "looks good", url, verified=True),
        Approval("github:bob", "", url, verified=True),
    )
    path, headers = github.requests[0]
    assert path == "/repos/bank/fraud/actions/runs/42/approvals"
    assert headers["Authorization"] == "Bearer token-of-the-job"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"


def test_in_github_actions_the_approver_cannot_be_named(github: CiSystem) -> None:
    with pytest.raises(UsageError, match="omit --approver"):
        approvals(github.environment, "github:alice", PRODUCTION, at_terminal=False)
    assert github.requests == []


def test_a_run_that_no_one_approved_is_refused(github: CiSystem) -> None:
    github.answer(APPROVALS, [review("eve", "rejected")])
    with pytest.raises(Refused, match="no one approved the environment production in this run;"):
        approvals(github.environment, None, PRODUCTION, at_terminal=False)


@pytest.mark.parametrize(
    "variable", ["GITHUB_TOKEN", "GITHUB_RUN_ID", "GITHUB_REPOSITORY", "GITHUB_RUN_ATTEMPT"]
)
def test_a_missing_github_variable_is_named(github: CiSystem, variable: str) -> None:
    environment = github.environment
    del environment[variable]
    with pytest.raises(UsageError, match=f"{variable} is not set"):
        approvals(environment, None, PRODUCTION, at_terminal=False)


@pytest.mark.parametrize(
    ("status", "body"), [(403, "{}"), (500, "oops"), (200, "not json"), (200, '{"state": 1}')]
)
def test_a_response_of_github_without_a_review_is_not_an_approval(
    github: CiSystem, status: int, body: str
) -> None:
    github.answers[APPROVALS] = (status, body)
    with pytest.raises(Unreachable, match="GitHub did not return actions/runs/42/approvals"):
        approvals(github.environment, None, PRODUCTION, at_terminal=False)


def test_the_token_is_in_no_message(github: CiSystem) -> None:
    github.answers[APPROVALS] = (401, "{}")
    with pytest.raises(Unreachable) as caught:
        approvals(github.environment, None, PRODUCTION, at_terminal=False)
    assert "token-of-the-job" not in str(caught.value)


BUILD = "/job/promote/7/"


def jenkins_job(**changed: str) -> dict[str, str]:
    """The variables of a build in Jenkins that alice approved."""
    return {
        "JENKINS_URL": "https://jenkins.example/",
        "BUILD_URL": f"https://jenkins.example{BUILD}",
        "FRAUD_APPROVER": "alice",
        **changed,
    }


def asked(jenkins: CiSystem, *approvers: str) -> dict[str, str]:
    """The variables of a build that can ask Jenkins, which knows these approvers."""
    approved = "org.jenkinsci.plugins.workflow.support.steps.input.ApproverAction"
    actions = [{"_class": approved, "userId": name} for name in approvers]
    jenkins.answer(f"{BUILD}api/json", {"actions": actions})
    return jenkins_job(
        BUILD_URL=f"{jenkins.uri}{BUILD}", JENKINS_USER="reader", JENKINS_API_TOKEN="of-the-reader"
    )


def test_in_jenkins_the_submitter_of_the_input_step_is_not_verified_without_a_token() -> None:
    assert approvals(jenkins_job(), None, PRODUCTION, at_terminal=False) == (
        Approval("jenkins:alice", "", "https://jenkins.example/job/promote/7/"),
    )


def test_in_jenkins_the_submitter_is_verified_by_its_api(jenkins: CiSystem) -> None:
    environment = asked(jenkins, "bob", "Alice")

    approved = approvals(environment, None, PRODUCTION, at_terminal=False)

    assert approved == (Approval("jenkins:alice", "", environment["BUILD_URL"], verified=True),)


def test_a_submitter_that_jenkins_does_not_know_is_refused(jenkins: CiSystem) -> None:
    with pytest.raises(Refused, match="does not say that alice approved this build"):
        approvals(asked(jenkins, "bob"), None, PRODUCTION, at_terminal=False)


def test_a_jenkins_that_does_not_answer_is_no_approval(jenkins: CiSystem) -> None:
    environment = asked(jenkins, "alice")
    jenkins.answers.clear()
    with pytest.raises(Unreachable, match="Jenkins did not return the build") as caught:
        approvals(environment, None, PRODUCTION, at_terminal=False)
    assert "of-the-reader" not in str(caught.value)


@pytest.mark.parametrize(
    ("submitter", "approver", "problem"),
    [("", None, "FRAUD_APPROVER is not set"), ("alice", "jenkins:bob", "omit --approver")],
)
def test_in_jenkins_no_other_approver_can_be_named(
    submitter: str, approver: str | None, problem: str
) -> None:
    environment = jenkins_job(FRAUD_APPROVER=submitter)
    with pytest.raises(UsageError, match=problem):
        approvals(environment, approver, PRODUCTION, at_terminal=False)


def test_on_a_terminal_the_approver_is_the_current_user() -> None:
    assert approvals({}, None, PRODUCTION, at_terminal=True) == (
        Approval(f"os:{getpass.getuser()}"),
    )


def test_elsewhere_the_approver_must_be_named() -> None:
    assert approvals({}, "git:bob@example.com", PRODUCTION, at_terminal=False) == (
        Approval("git:bob@example.com"),
    )
    with pytest.raises(UsageError, match="--approver realm:name"):
        approvals({}, None, PRODUCTION, at_terminal=False)


def test_only_approvals_of_the_environment_that_the_policy_names_count(github: CiSystem) -> None:
    """An author approved `production`, and bob another environment of the same run."""
    reviews = [review("alice"), review("bob", environment="training")]
    github.answer(APPROVALS, reviews)

    url = "https://github.example/bank/fraud/actions/runs/42"
    assert approvals(github.environment, None, "production", at_terminal=False) == (
        Approval("github:alice", "", url, verified=True),
    )
    with pytest.raises(Refused, match="environment staging in this run, only production, training"):
        approvals(github.environment, None, "staging", at_terminal=False)


def test_an_approval_of_an_earlier_attempt_does_not_count(github: CiSystem) -> None:
    github.answer(APPROVALS, [review("bob")])
    again = {**github.environment, "GITHUB_RUN_ATTEMPT": "2"}

    with pytest.raises(Refused, match="this is attempt 2 of the run"):
        approvals(again, None, PRODUCTION, at_terminal=False)


@pytest.mark.parametrize("approver", ["", "alice", ":alice", "github:"])
def test_an_approver_without_realm_or_name_is_refused(approver: str) -> None:
    with pytest.raises(UsageError, match="is not realm:name, such as github:alice"):
        approvals({}, approver, PRODUCTION, at_terminal=False)


@pytest.mark.parametrize(
    ("approver", "problem"),
    [
        ("github:carol ", "holds a blank"),
        ("github: carol", "holds a blank"),
        ("github:carol\n", "holds a blank"),
        ("github:Carol", "holds upper-case letters; write github:carol"),
        ("github:c\u0430rol", "holds characters that are not ASCII"),
    ],
)
def test_an_approver_in_another_spelling_is_refused(approver: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        approvals({}, approver, PRODUCTION, at_terminal=False)


def test_the_callers_comment_replaces_that_of_the_approval() -> None:
    approval = Approval("github:alice", "looks good", "https://a.example")
    assert with_comment(approval, "", "") == approval
    assert with_comment(approval, "ticket 12", "https://b.example") == Approval(
        "github:alice", "ticket 12", "https://b.example"
    )
