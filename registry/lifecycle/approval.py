"""Approvals: who gave them, and four eyes, by which the approver may not be an author.

They are read from the system where they were given, not from the caller.

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
    """An approver as `realm:name`, with a comment and the URL of the approval."""

    approver: str
    comment: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]+:\S.*", self.approver):
            raise UsageError(f"approver {self.approver!r} is not realm:name, such as github:alice")


def approvals(
    environment: Mapping[str, str], approver: str | None, *, at_terminal: bool
) -> tuple[Approval, ...]:
    """The approvals of this job, one for each person who approved.

    In GitHub Actions they are read from the run through GitHub's API; in Jenkins the `input` step
    leaves its submitter in FRAUD_APPROVER; on a terminal it is the current user. `approver` is the
    value of `--approver`: it is refused in both CI systems and replaces the current user elsewhere.

    Raises UsageError if the approver is unknown, Refused if the run was not approved, Unreachable.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        if approver:
            raise UsageError(
                "in GitHub Actions the approver is read from the run's approvals; omit --approver"
            )
        return github_approvals(environment)
    if "JENKINS_URL" in environment:
        name = environment.get("FRAUD_APPROVER", "")
        if approver or not name:
            raise UsageError(
                "in Jenkins the approver is the submitter of the `input` step; omit --approver and "
                "set FRAUD_APPROVER from its submitterParameter"
            )
        return (Approval(f"jenkins:{name}", url=environment.get("BUILD_URL", "")),)
    if approver is not None:
        return (Approval(approver),)
    if at_terminal:
        return (Approval(f"os:{getpass.getuser()}"),)
    raise UsageError(
        "standard input is not a terminal; name the approver with --approver realm:name"
    )


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
        response = requests.get(
            f"{api}/repos/{repository}/actions/runs/{run}/approvals",
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            timeout=TIMEOUT_SECONDS,
        )
        response.raise_for_status()
        approved = [
            Approval(
                f"github:{review['user']['login']}",
                review.get("comment") or "",
                f"{server}/{repository}/actions/runs/{run}",
            )
            for review in response.json()
            if review["state"] == "approved"
        ]
    except (requests.RequestException, KeyError, TypeError, ValueError) as error:
        raise Unreachable(f"GitHub did not return the approvals of this run: {error}") from error
    if not approved:
        raise Refused(
            "no one approved this run; give the job an environment with required reviewers"
        )
    return tuple(approved)


def choose(
    approvals: tuple[Approval, ...], authors: tuple[str, ...], *, four_eyes: bool
) -> Approval:
    """The approval that counts: with `four_eyes`, the first whose approver is not an author.

    Raises Refused with the reason for each approval. If an approver and the authors have no realm
    in common, they may be the same person, and that is refused too.
    """
    if not four_eyes:
        return approvals[0]
    reasons: list[str] = []
    for approval in approvals:
        realm = _realm(approval.approver)
        comparable = {author.casefold() for author in authors if _realm(author) == realm}
        if approval.approver.casefold() in comparable:
            reasons.append(f"{approval.approver} is an author")
        elif not comparable:
            known = ", ".join(authors) or "not recorded"
            reasons.append(f"{approval.approver} has no realm in common with the authors ({known})")
        else:
            return approval
    raise Refused(
        f"four eyes: {'; '.join(reasons)}. Have another person approve it, in a realm in which the "
        "authors are known, or set `four_eyes: false` in the policy and evaluate again"
    )


def _realm(identity: str) -> str:
    return identity.split(":", 1)[0]


def with_comment(approval: Approval, comment: str, url: str) -> Approval:
    """The approval with the caller's comment and URL, which replace its own where given."""
    return replace(approval, comment=comment or approval.comment, url=url or approval.url)
