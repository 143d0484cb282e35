"""Who approved, according to GitHub, Jenkins or the terminal, and whether that is enough."""

from __future__ import annotations

import getpass
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from registry.errors import Refused, Unreachable, UsageError
from registry.lifecycle.approval import Approval, approvals, choose, with_comment


@dataclass
class GitHub:
    """A stand-in for GitHub's API: its response, and the requests that it received."""

    uri: str = ""
    status: int = 200
    body: str = "[]"
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_API_URL": self.uri,
            "GITHUB_REPOSITORY": "bank/fraud",
            "GITHUB_RUN_ID": "42",
            "GITHUB_TOKEN": "token-of-the-job",
        }


@pytest.fixture
def github() -> Iterator[GitHub]:
    api = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.requests.append((self.path, dict(self.headers)))
            self.send_response(api.status)
            self.end_headers()
            self.wfile.write(api.body.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.uri = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


def review(login: str, state: str = "approved", comment: str = "") -> dict[str, object]:
    """A review as the REST API 2022-11-28 documents it."""
    return {
        "state": state,
        "comment": comment,
        "environments": [{"name": "production"}],
        "user": {"login": login, "type": "User"},
    }


def test_in_github_actions_each_approving_reviewer_is_read_from_the_run(github: GitHub) -> None:
    github.body = json.dumps(
        [review("alice", comment="looks good"), review("bob"), review("eve", state="rejected")]
    )
    approved = approvals(github.environment, None, at_terminal=False)
    url = "https://github.example/bank/fraud/actions/runs/42"
    assert approved == (
        Approval("github:alice", "looks good", url),
        Approval("github:bob", "", url),
    )
    path, headers = github.requests[0]
    assert path == "/repos/bank/fraud/actions/runs/42/approvals"
    assert headers["Authorization"] == "Bearer token-of-the-job"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"


def test_in_github_actions_the_approver_cannot_be_named(github: GitHub) -> None:
    with pytest.raises(UsageError, match="omit --approver"):
        approvals(github.environment, "github:alice", at_terminal=False)
    assert github.requests == []


def test_a_run_that_no_one_approved_is_refused(github: GitHub) -> None:
    github.body = json.dumps([review("eve", state="rejected")])
    with pytest.raises(Refused, match="no one approved this run"):
        approvals(github.environment, None, at_terminal=False)


@pytest.mark.parametrize("variable", ["GITHUB_TOKEN", "GITHUB_RUN_ID", "GITHUB_REPOSITORY"])
def test_a_missing_github_variable_is_named(github: GitHub, variable: str) -> None:
    environment = github.environment
    del environment[variable]
    with pytest.raises(UsageError, match=f"{variable} is not set"):
        approvals(environment, None, at_terminal=False)


@pytest.mark.parametrize(
    ("status", "body"), [(403, "{}"), (500, "oops"), (200, "not json"), (200, '{"state": 1}')]
)
def test_a_response_of_github_without_a_review_is_not_an_approval(
    github: GitHub, status: int, body: str
) -> None:
    github.status, github.body = status, body
    with pytest.raises(Unreachable, match="GitHub did not return the approvals of this run"):
        approvals(github.environment, None, at_terminal=False)


def test_the_token_is_in_no_message(github: GitHub) -> None:
    github.status = 401
    with pytest.raises(Unreachable) as caught:
        approvals(github.environment, None, at_terminal=False)
    assert "token-of-the-job" not in str(caught.value)


def test_in_jenkins_the_submitter_of_the_input_step_approves() -> None:
    environment = {
        "JENKINS_URL": "https://jenkins.example/",
        "BUILD_URL": "https://jenkins.example/job/promote/7/",
        "FRAUD_APPROVER": "alice",
    }
    assert approvals(environment, None, at_terminal=False) == (
        Approval("jenkins:alice", "", "https://jenkins.example/job/promote/7/"),
    )


@pytest.mark.parametrize(("submitter", "approver"), [("", None), ("alice", "jenkins:bob")])
def test_in_jenkins_no_other_approver_can_be_named(submitter: str, approver: str | None) -> None:
    environment = {"JENKINS_URL": "https://jenkins.example/", "FRAUD_APPROVER": submitter}
    with pytest.raises(UsageError, match="submitter of the `input` step"):
        approvals(environment, approver, at_terminal=False)


def test_on_a_terminal_the_approver_is_the_current_user() -> None:
    assert approvals({}, None, at_terminal=True) == (Approval(f"os:{getpass.getuser()}"),)


def test_elsewhere_the_approver_must_be_named() -> None:
    assert approvals({}, "git:bob@example.com", at_terminal=False) == (
        Approval("git:bob@example.com"),
    )
    with pytest.raises(UsageError, match="--approver realm:name"):
        approvals({}, None, at_terminal=False)


@pytest.mark.parametrize("approver", ["", "alice", ":alice", "github:", "github: alice", "GIT:a"])
def test_an_approver_without_realm_or_name_is_refused(approver: str) -> None:
    with pytest.raises(UsageError, match="is not realm:name, such as github:alice"):
        approvals({}, approver, at_terminal=False)


AUTHORS = ("git:carol@example.com", "github:carol")


def test_an_approver_who_is_not_an_author_counts() -> None:
    approved = (Approval("github:alice"),)
    assert choose(approved, AUTHORS, four_eyes=True) == Approval("github:alice")


@pytest.mark.parametrize("author", ["github:carol", "github:Carol", "git:carol@example.com"])
def test_an_author_may_not_approve(author: str) -> None:
    with pytest.raises(Refused, match="is an author"):
        choose((Approval(author),), AUTHORS, four_eyes=True)


def test_an_approver_of_another_realm_may_be_an_author() -> None:
    with pytest.raises(Refused, match="os:alice has no realm in common with the authors"):
        choose((Approval("os:alice"),), AUTHORS, four_eyes=True)


def test_without_recorded_authors_four_eyes_refuses() -> None:
    with pytest.raises(Refused, match=r"has no realm in common with the authors \(not recorded\)"):
        choose((Approval("github:alice"),), (), four_eyes=True)


def test_of_several_approvals_the_first_that_is_not_by_an_author_counts() -> None:
    approved = (Approval("github:carol"), Approval("github:bob"), Approval("github:alice"))
    assert choose(approved, AUTHORS, four_eyes=True) == Approval("github:bob")


def test_with_four_eyes_off_an_author_may_approve() -> None:
    approved = (Approval("github:carol"),)
    assert choose(approved, AUTHORS, four_eyes=False) == Approval("github:carol")


def test_the_callers_comment_replaces_that_of_the_approval() -> None:
    approval = Approval("github:alice", "looks good", "https://a.example")
    assert with_comment(approval, "", "") == approval
    assert with_comment(approval, "ticket 12", "https://b.example") == Approval(
        "github:alice", "ticket 12", "https://b.example"
    )
