"""Approvals: who gave them, read from the system where they were given, not from the caller.

Whether an approval counts, `registry.lifecycle.four_eyes` says.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, replace

from registry.errors import Refused, UsageError
from registry.provenance.github import GitHub, Review
from registry.provenance.identity import checked_identity, identity_of
from registry.provenance.jenkins import read_build


@dataclass(frozen=True)
class Approval:
    """An approver as `realm:name`, with a comment and the URL of the approval.

    `verified` is whether the system where it was given told so when it was asked. A name on the
    command line or of the operating system's user is not verified.
    """

    approver: str
    comment: str = ""
    url: str = ""
    verified: bool = False

    def __post_init__(self) -> None:
        checked_identity(self.approver)


def approvals(
    environment: Mapping[str, str], approver: str | None, deployment: str, *, at_terminal: bool
) -> tuple[Approval, ...]:
    """The approvals of this job, one for each person who approved.

    In GitHub Actions they are read from the run through GitHub's API, and only those of the
    deployment environment `deployment` count; in Jenkins the `input` step
    leaves its submitter in FRAUD_APPROVER, and Jenkins' API is asked whether that is true; on a
    terminal it is the current user. `approver` is the value of `--approver`: it is refused in both
    CI systems and replaces the current user elsewhere.

    Raises UsageError if the approver is unknown, Refused if the run was not approved, Unreachable.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        if approver:
            raise UsageError(
                "in GitHub Actions the approver is read from the run's approvals; omit --approver"
            )
        return github_approvals(environment, deployment)
    if "JENKINS_URL" in environment:
        if approver:
            raise UsageError(
                "in Jenkins the approver is the submitter of the `input` step; omit --approver"
            )
        return (jenkins_approval(environment),)
    if approver is not None:
        return (Approval(approver),)
    if at_terminal:
        return (Approval(identity_of("os", getpass.getuser())),)
    raise UsageError(
        "standard input is not a terminal; name the approver with --approver realm:name"
    )


def jenkins_approval(environment: Mapping[str, str]) -> Approval:
    """The approval of the build of this process, by the submitter of its `input` step.

    Without JENKINS_API_TOKEN Jenkins cannot be asked, and it is not verified. Raises UsageError,
    Refused where Jenkins does not know of the approval, Unreachable.
    """
    name, url = environment.get("FRAUD_APPROVER", ""), environment.get("BUILD_URL", "")
    if not name:
        raise UsageError(
            "FRAUD_APPROVER is not set; set it from the submitterParameter of the `input` step"
        )
    identity = identity_of("jenkins", name)
    if not environment.get("JENKINS_API_TOKEN"):
        return Approval(identity, url=url)
    approvers = read_build(url, environment).approvers
    if name.lower() not in {each.lower() for each in approvers}:
        raise Refused(
            f"FRAUD_APPROVER is {name}, and Jenkins does not say that {name} approved this build; "
            "start a new build, and approve in its `input` step"
        )
    return Approval(identity, url=url, verified=True)


def github_approvals(environment: Mapping[str, str], deployment: str) -> tuple[Approval, ...]:
    """The approvals of one deployment environment in the workflow run of this process.

    GitHub keeps no attempt with an approval, so that a job that is run again could use what was
    approved for an earlier attempt; only the first attempt counts.
    """
    try:
        server, api = environment["GITHUB_SERVER_URL"], environment["GITHUB_API_URL"]
        repository, run = environment["GITHUB_REPOSITORY"], environment["GITHUB_RUN_ID"]
        token, attempt = environment["GITHUB_TOKEN"], environment["GITHUB_RUN_ATTEMPT"]
    except KeyError as error:
        raise UsageError(
            f"{error.args[0]} is not set; give the step GITHUB_TOKEN from `github.token`, and the "
            "job the permission `actions: read`"
        ) from error
    if attempt != "1":
        raise Refused(
            f"this is attempt {attempt} of the run, and GitHub does not say which attempt was "
            "approved; start a new run of the workflow instead of running it again"
        )
    reviews = GitHub(api, repository, token).reviews(run)
    counted = [each for each in reviews if _approves(each, deployment)]
    if not counted:
        raise Refused(
            f"no one approved the environment {deployment} in this run"
            f"{_approved_instead(reviews)}; give the job `environment: {deployment}` with required "
            "reviewers, or set `approval_environment` in the policy"
        )
    url = f"{server}/{repository}/actions/runs/{run}"
    return tuple(
        Approval(identity_of("github", review.login), review.comment, url, verified=True)
        for review in counted
    )


def _approves(review: Review, deployment: str) -> bool:
    return review.state == "approved" and deployment in review.environments


def _approved_instead(reviews: tuple[Review, ...]) -> str:
    others = {name for each in reviews if each.state == "approved" for name in each.environments}
    return f", only {', '.join(sorted(others))}" if others else ""


def with_comment(approval: Approval, comment: str, url: str) -> Approval:
    """The approval with the caller's comment and URL, which replace its own where given."""
    return replace(approval, comment=comment or approval.comment, url=url or approval.url)
