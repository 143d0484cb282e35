"""What is read from Jenkins' API, and how its failures are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.errors import Unreachable
from registry.provenance.jenkins import Build, read_build
from tests.registry.ci_systems import CiSystem, ci_system

PATH = "/job/train/7/api/json"


@pytest.fixture
def api() -> Iterator[CiSystem]:
    with ci_system() as system:
        yield system


def test_a_build_names_who_started_and_approved_it_and_its_commits(api: CiSystem) -> None:
    api.answer(
        PATH,
        {
            "actions": [
                {"causes": [{"userId": "alice"}, {"userId": "alice"}, {}]},
                {"lastBuiltRevision": {"SHA1": "a" * 40}},
                {
                    "_class": "org.jenkinsci.plugins.workflow.support.steps.input.ApproverAction",
                    "userId": "carol",
                },
                {"_class": "another.Action", "userId": "eve"},
                None,
            ]
        },
    )
    assert read_build(f"{api.uri}/job/train/7/", {}) == Build(("alice",), ("a" * 40,), ("carol",))
    assert "tree=actions" in api.requests[0][0]
    assert "Authorization" not in api.requests[0][1]


@pytest.mark.parametrize(("status", "body"), [(403, "{}"), (302, ""), (200, "[]"), (200, "{}")])
def test_any_other_answer_is_unreachable(api: CiSystem, status: int, body: str) -> None:
    api.answers[PATH] = (status, body)
    environment = {"JENKINS_USER": "auditor", "JENKINS_API_TOKEN": "secret"}
    with pytest.raises(Unreachable, match="Jenkins did not return the build") as caught:
        read_build(f"{api.uri}/job/train/7/", environment)
    assert "secret" not in str(caught.value)
