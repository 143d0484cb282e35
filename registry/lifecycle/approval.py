"""Who approves: read from where the approval was given, not from what the caller says.

Identities carry their realm: `github:alice`, `jenkins:alice`, `os:alice`, `git:alice@example.com`.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import requests

from registry.errors import Refused, Unreachable, UsageError

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Approval:
    """Who approves, why, and where that can be read; `approver` is `realm:name`."""

    approver: str
    comment: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]+:\S.*", self.approver):
            raise UsageError(
                f"approver {self.approver!r} must say its realm too, such as github:alice"
            )


def approvals(
    environment: Mapping[str, str], said: str | None, *, at_terminal: bool
) -> tuple[Approval, ...]:
    """The approvals of this job, one for each person who gave one.

    In GitHub Actions they are read from the run through GitHub's API; in Jenkins the `input` step
    leaves its submitter in FRAUD_APPROVER; on a terminal it is the person at the keyboard. `said`
    is what `--approver` says; it counts only where nothing better is known.

    Raises UsageError where nobody can be named, Refused where nobody approved, Unreachable.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        if said:
            raise UsageError(
                "in GitHub Actions the approver is read from the run's approvals; "
                "leave --approver out"
            )
        return github_approvals(environment)
    if "JENKINS_URL" in environment:
        name = environment.get("FRAUD_APPROVER", "")
        if said or not name:
            raise UsageError(
                "in Jenkins the approver is the submitter of the `input` step; leave --approver "
                "out and set FRAUD_APPROVER from its submitterParameter"
            )
        return (Approval(f"jenkins:{name}", url=environment.get("BUILD_URL", "")),)
    if said is not None:
        return (Approval(said),)
    if at_terminal:
        return (Approval(f"os:{getpass.getuser()}"),)
    raise UsageError("nobody is at a terminal; say who approves with --approver realm:name")


def github_approvals(environment: Mapping[str, str]) -> tuple[Approval, ...]:
    """The approvals of the workflow run that this process is part of.

    Source: GitHub REST API 2022-11-28, "Get the review history for a workflow run".
    """
    try:
        server, api = environment["GITHUB_SERVER_URL"], environment["GITHUB_API_URL"]
        repository, run = environment["GITHUB_REPOSITORY"], environment["GITHUB_RUN_ID"]
        token = environment["GITHUB_TOKEN"]
    except KeyError as error:
        raise UsageError(
            f"{error.args[0]} is not set; give the step GITHUB_TOKEN from `github.token`, and the "
            "job the permission `actions: read`"
        ) from error
    try:
        answer = requests.get(
            f"{api}/repos/{repository}/actions/runs/{run}/approvals",
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        given = [
            Approval(
                f"github:{review['user']['login']}",
                review.get("comment") or "",
                f"{server}/{repository}/actions/runs/{run}",
            )
            for review in answer.json()
            if review["state"] == "approved"
        ]
    except (requests.RequestException, KeyError, TypeError, ValueError) as error:
        raise Unreachable(f"GitHub does not say who approved this run: {error}") from error
    if not given:
        raise Refused(
            "nobody approved this run; give the job an environment with required reviewers"
        )
    return tuple(given)


def choose(given: tuple[Approval, ...], authors: tuple[str, ...], *, four_eyes: bool) -> Approval:
    """The approval that counts: under four eyes, one by somebody who is surely no author.

    Raises Refused, saying why each does not count. Where approver and authors have no realm in
    common, nobody can tell whether they are the same person: that is refused too.
    """
    if not four_eyes:
        return given[0]
    reasons: list[str] = []
    for approval in given:
        realm = approval.approver.split(":", 1)[0]
        known = [one for one in authors if one.split(":", 1)[0] == realm]
        if approval.approver.casefold() in {one.casefold() for one in known}:
            reasons.append(f"{approval.approver} is an author")
        elif not known:
            named = ", ".join(authors) or "not recorded"
            reasons.append(f"{approval.approver} cannot be told from the authors ({named})")
        else:
            return approval
    raise Refused(
        f"four eyes: {'; '.join(reasons)}. Have it approved by somebody else, in a realm in which "
        "the authors are known too, or set `four_eyes: false` in the policy and evaluate again"
    )


def with_comment(approval: Approval, comment: str, url: str) -> Approval:
    """The approval with the comment and URL that the caller adds, where it has none of its own."""
    return replace(approval, comment=comment or approval.comment, url=url or approval.url)
