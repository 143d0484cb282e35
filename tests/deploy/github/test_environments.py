"""Environments on plans of GitHub without required reviewers, and reviewers that are none."""

from __future__ import annotations

import pytest

from tests.deploy.github.conftest import Setup
from tests.deploy.github.hub import Hub

AT = "repos/contoso/fraud"
ONLY_MAIN = {"protected_branches": False, "custom_branch_policies": True}


def test_without_required_reviewers_only_main_gets_an_identity(hub: Hub, set_up: Setup) -> None:
    hub.private, hub.reviewers = True, False

    code, printed = set_up()

    assert code == 3
    assert printed.splitlines()[-1] == (
        "error: GitHub's plan of contoso/fraud has no required reviewers. What protects then: "
        "`registry promote` refuses, since there is no approval to read: nothing can be promoted "
        "from GitHub Actions. Ways out: GitHub Enterprise, a public repository, Jenkins with "
        "`input`, or a person who promotes on an agent with --approver, which needs "
        "`verified_approver: false` in the policy. Until then set "
        "`github_protection` for Terraform: docs/operations/promotion.md"
    )
    assert "refused: PUT repos/contoso/fraud/environments/plan: gh: Failed to create" in printed
    made = [change for change in hub.changes if "/environments/" in change[1]]
    for name in ("production", "infrastructure", "plan"):
        path = f"{AT}/environments/{name}"
        assert ("PUT", path, {"deployment_branch_policy": ONLY_MAIN}) in made
        assert [each["name"] for each in hub.policies[name]] == ["main"]
    # Everything else is there.
    assert hub.variables["production"]["PROMOTER_CLIENT_ID"]
    assert hub.rulesets[7]["enforcement"] == "active"

    hub.changes.clear()
    code, printed = set_up()
    assert (code, hub.changes) == (3, [])
    assert "\n0 changes\n" in printed


def test_without_environments_and_rules_both_are_named(hub: Hub, set_up: Setup) -> None:
    hub.private, hub.paid = True, False

    code, printed = set_up()

    assert code == 3
    assert "has no environments and no branch rules. What protects then:" in printed
    assert (hub.environments, hub.rulesets, set(hub.variables)) == ({}, {}, {"actions"})


def test_reviewers_that_github_does_not_keep_are_refused(hub: Hub, set_up: Setup) -> None:
    hub.strangers = {11}

    code, printed = set_up()

    assert (code, printed.splitlines()[-1]) == (
        3,
        'error: GitHub did not take environment production: reviewers is [{"type": "Team", '
        '"id": 21}], not [{"type": "Team", "id": 21}, {"type": "User", "id": 11}]; every reviewer '
        "must be able to read the repository; set the rest on the page Settings, Environments",
    )
    assert [path for _, path, _ in hub.changes] == [f"{AT}/environments/production"]


@pytest.mark.parametrize(
    ("reviewers", "message"),
    [
        (("carol",), "GitHub knows no user carol"),
        (("bot",), "GitHub knows no user bot"),
        (("contoso/others",), "GitHub knows no team contoso/others"),
        (("../../orgs",), "--reviewer ../../orgs is neither a user nor ORG/TEAM"),
        (tuple("abcdefg"), "GitHub takes at most 6 reviewers; name a team"),
    ],
)
def test_a_reviewer_is_a_user_or_a_team(
    hub: Hub, set_up: Setup, reviewers: tuple[str, ...], message: str
) -> None:
    assert set_up(reviewers=reviewers) == (2, f"error: {message}\n")
    assert hub.changes == []


def test_a_single_reviewer_cannot_approve_an_own_run(hub: Hub, set_up: Setup) -> None:
    printed = set_up("--dry-run", reviewers=("alice",))[1]

    assert "warning: only alice reviews: nobody can approve a run that alice started\n" in printed
