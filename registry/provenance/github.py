"""GitHub's REST API, version 2022-11-28: approvals, workflow runs and commits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from registry.provenance.web import Parsed, get_json

MERGED_BY_GITHUB = "web-flow"
"""The committer of what is merged on GitHub's pages; the author is then the account that did."""


@dataclass(frozen=True)
class Review:
    """One review of a run that waits for an environment."""

    state: str
    login: str
    comment: str
    environments: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One attempt of a workflow run: the workflow's path, what it ran on, and who started it."""

    workflow: str
    commit: str
    branch: str
    starters: tuple[str, ...]


@dataclass(frozen=True)
class SignedCommit:
    """Whether GitHub verified a commit's signature, and the accounts of author and committer.

    The signature is the committer's, who can have written any author into the commit.
    """

    verified: bool
    accounts: tuple[str, ...]


@dataclass(frozen=True)
class GitHub:
    """The API at `api`, for one repository OWNER/NAME; the token may be empty."""

    api: str
    repository: str
    token: str

    def reviews(self, run: str) -> tuple[Review, ...]:
        """`Get the review history for a workflow run`. Raises Unreachable, NotFound."""
        return self._get(f"actions/runs/{run}/approvals", _reviews)

    def run(self, run: str, attempt: str) -> Run:
        """`Get a workflow run attempt`. Raises Unreachable, NotFound."""
        return self._get(f"actions/runs/{run}/attempts/{attempt}", _run)

    def commit(self, commit: str) -> SignedCommit:
        """`Get a commit`. Raises Unreachable, NotFound."""
        return self._get(f"commits/{commit}", _commit)

    def _get(self, path: str, parse: Callable[[Any], Parsed]) -> Parsed:
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return get_json(
            f"{self.api}/repos/{self.repository}/{path}",
            parse,
            problem=f"GitHub did not return {path} of {self.repository}",
            advice="try again later, or check the token's permissions `actions: read` and "
            "`contents: read`",
            not_found=f"GitHub knows no {path} of {self.repository}, or the token may not",
            headers=headers,
        )


def _reviews(document: Any) -> tuple[Review, ...]:
    return tuple(
        Review(
            state=review["state"],
            login=review["user"]["login"],
            comment=review.get("comment") or "",
            environments=tuple(each["name"] for each in review["environments"]),
        )
        for review in document
    )


def _run(document: Any) -> Run:
    starters = (document["actor"]["login"], document["triggering_actor"]["login"])
    return Run(
        workflow=document["path"].partition("@")[0],
        commit=document["head_sha"],
        branch=document["head_branch"] or "",
        starters=tuple(dict.fromkeys(starters)),
    )


def _commit(document: Any) -> SignedCommit:
    accounts = (document["author"], document["committer"])
    logins = [account["login"] for account in accounts if account]
    return SignedCommit(
        verified=document["commit"]["verification"]["verified"] is True,
        accounts=tuple(dict.fromkeys(login for login in logins if login != MERGED_BY_GITHUB)),
    )
