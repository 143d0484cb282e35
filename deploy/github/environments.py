"""Environments of GitHub: who has to approve a job, and which branch it may run on.

A federated identity is that of an environment: what protects the environment protects the identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.github.gh import NOT_FOUND, Gh, GitHubError, differences
from registry.errors import Refused, UsageError

MAX_REVIEWERS = 6
REVIEWER = re.compile(r"[A-Za-z0-9-]+(/[A-Za-z0-9._-]+)?")
Reviewers = list[dict[str, Any]]


@dataclass(frozen=True)
class Environment:
    """Whether its jobs need an approval, and whether they run on `main` alone."""

    reviewed: bool
    only_main: bool = True


ENVIRONMENTS: Mapping[str, Environment] = {
    "production": Environment(reviewed=True),
    "infrastructure": Environment(reviewed=True),
    # Of its own: an approved release is not to have the identity that signs.
    "release": Environment(reviewed=True),
    # It plans pull requests: a reviewer has read what the job would run.
    "plan": Environment(reviewed=True, only_main=False),
    "staging": Environment(reviewed=False),
    "evaluation": Environment(reviewed=False),
}
ONLY_MAIN = {"protected_branches": False, "custom_branch_policies": True}


def find_reviewers(gh: Gh, names: list[str]) -> Reviewers:
    """Users (`alice`) and teams (`ORG/TEAM`) as GitHub's API takes them. Raises UsageError."""
    if len(set(names)) > MAX_REVIEWERS:
        raise UsageError(f"GitHub takes at most {MAX_REVIEWERS} reviewers; name a team")
    found = [_find_reviewer(gh, name) for name in sorted(set(names))]
    return sorted(found, key=_type_and_id)


def _find_reviewer(gh: Gh, name: str) -> dict[str, Any]:
    if not REVIEWER.fullmatch(name):
        raise UsageError(f"--reviewer {name} is neither a user nor ORG/TEAM")
    organization, _, team = name.partition("/")
    path = f"orgs/{organization}/teams/{team}" if team else f"users/{name}"
    known = gh.get(path)
    if known is None or (not team and known["type"] != "User"):
        raise UsageError(f"GitHub knows no {'team' if team else 'user'} {name}")
    return {"type": "Team" if team else "User", "id": known["id"]}


def set_up(gh: Gh, repository: str, name: str, reviewers: Reviewers) -> list[str]:
    """Make or repair one environment; what the plan of the repository lacks for it.

    Without required reviewers it takes jobs of `main` alone, whatever it is for. Left out, GitHub
    would make it by itself for the first job that names it, open to every branch.
    """
    environment, path = ENVIRONMENTS[name], f"repos/{repository}/environments/{name}"
    wanted: dict[str, Any] = {
        "deployment_branch_policy": ONLY_MAIN if environment.only_main else None
    }
    if environment.reviewed:
        wanted |= {
            "reviewers": reviewers,
            "prevent_self_review": True,
            "can_admins_bypass": False,
        }
    only_main, lacking = environment.only_main, []
    try:
        _put(gh, name, wanted, path)
    except GitHubError as error:
        if not (error.of_plan and environment.reviewed) and error.status != NOT_FOUND:
            raise
        print(f"    refused: {error}", flush=True)
        lacking, only_main = ["required reviewers"], True
        try:
            _put(gh, name, {"deployment_branch_policy": ONLY_MAIN}, path)
        except GitHubError as second:
            if second.status != NOT_FOUND and not second.of_plan:
                raise
            return ["environments"]
    if only_main:
        _let_only_main_deploy(gh, name, path)
    return lacking


def _put(gh: Gh, name: str, wanted: dict[str, Any], path: str) -> None:
    answer = gh.settle(f"environment {name}", wanted, _found(gh.get(path)), "PUT", path)
    if answer is not None and (left := differences(wanted, _found(answer))):
        raise Refused(
            f"GitHub did not take environment {name}: {'; '.join(left)}; every reviewer "
            "must be able to read the repository; set the rest on the page Settings, Environments"
        )


def _found(environment: Any) -> dict[str, Any] | None:
    """An environment of GitHub's answer, in the form of a request."""
    if environment is None:
        return None
    rules = {rule["type"]: rule for rule in environment.get("protection_rules", ())}
    review = rules.get("required_reviewers", {})
    reviewers = [
        {"type": each["type"], "id": each["reviewer"]["id"]} for each in review.get("reviewers", ())
    ]
    return {
        "deployment_branch_policy": environment.get("deployment_branch_policy"),
        "reviewers": sorted(reviewers, key=_type_and_id),
        "prevent_self_review": review.get("prevent_self_review", False),
        "can_admins_bypass": environment.get("can_admins_bypass", True),
    }


def _type_and_id(reviewer: dict[str, Any]) -> tuple[str, int]:
    return reviewer["type"], reviewer["id"]


def _let_only_main_deploy(gh: Gh, name: str, path: str) -> None:
    policies = gh.items(f"{path}/deployment-branch-policies", "branch_policies")
    others = [each for each in policies if (each["name"], each.get("type")) != ("main", "branch")]
    for other in others:
        what = f"environment {name}: {other['name']} may deploy"
        gh.change(what, "DELETE", f"{path}/deployment-branch-policies/{other['id']}")
    if len(others) == len(policies):
        body = {"name": "main", "type": "branch"}
        what = f"environment {name}: main may not deploy"
        gh.change(what, "POST", f"{path}/deployment-branch-policies", body)
