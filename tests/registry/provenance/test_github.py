"""What is read from GitHub's API, and how its failures are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.errors import NotFound, Unreachable
from registry.provenance.github import GitHub, Review, Run
from tests.registry.ci_systems import APPROVALS, RUN, CiSystem, ci_system, review, workflow_run

TOKEN = "token"


@pytest.fixture
def api() -> Iterator[CiSystem]:
    with ci_system() as system:
        yield system


def github(api: CiSystem, token: str = TOKEN) -> GitHub:
    return GitHub(api.uri, "bank/fraud", token)


def test_reviews_name_their_environments(api: CiSystem) -> None:
    api.answer(APPROVALS, [review("Alice", comment="ok", environment="training")])
    assert github(api).reviews("42") == (Review("approved", "Alice", "ok", ("training",)),)


def test_a_run_names_workflow_commit_branch_and_who_started_it(api: CiSystem) -> None:
    path = ".github/workflows/train.yml@refs/heads/main"
    api.answer(RUN, workflow_run("a" * 40, "dave", path=path))
    assert github(api).run("42", "1") == Run(
        ".github/workflows/train.yml", "a" * 40, "main", ("dave",)
    )


def test_a_token_is_sent_where_there_is_one(api: CiSystem) -> None:
    api.answer(APPROVALS, [])
    github(api).reviews("42")
    github(api, token="").reviews("42")
    assert ["Authorization" in headers for _, headers in api.requests] == [True, False]


def test_what_does_not_exist_is_not_found(api: CiSystem) -> None:
    with pytest.raises(NotFound, match="GitHub knows no commits/abc of bank/fraud"):
        github(api).commit("abc")


@pytest.mark.parametrize(
    ("status", "body"), [(401, "{}"), (302, "{}"), (500, ""), (200, "[]"), (200, "null")]
)
def test_any_other_answer_is_unreachable_and_shows_no_token(
    api: CiSystem, status: int, body: str
) -> None:
    api.answers[RUN] = (status, body)
    with pytest.raises(Unreachable) as caught:
        github(api).run("42", "1")
    assert "GitHub did not return actions/runs/42/attempts/1" in str(caught.value)
    assert "token:" not in str(caught.value)
