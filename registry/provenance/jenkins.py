"""Who started and who approved a build in Jenkins, and which commit it built, by its JSON API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.provenance.web import get_json

FIELDS = "actions[_class,userId,causes[userId],lastBuiltRevision[SHA1]]"
APPROVED = "org.jenkinsci.plugins.workflow.support.steps.input.ApproverAction"
"""What the `input` step leaves in a build; a pipeline in the sandbox cannot."""


@dataclass(frozen=True)
class Build:
    """Who started and who approved a build, by user id, and the commits that it checked out."""

    starters: tuple[str, ...]
    commits: tuple[str, ...]
    approvers: tuple[str, ...] = ()


def read_build(url: str, environment: Mapping[str, str]) -> Build:
    """The build at a URL that ends with a slash.

    It signs in as JENKINS_USER with JENKINS_API_TOKEN, where both are set. Raises Unreachable.
    """
    user, token = environment.get("JENKINS_USER"), environment.get("JENKINS_API_TOKEN")
    return get_json(
        f"{url}api/json",
        _build,
        problem=f"Jenkins did not return the build {url}",
        advice="try again later, or check JENKINS_USER and JENKINS_API_TOKEN",
        params={"tree": FIELDS},
        auth=(user, token) if user and token else None,
    )


def _build(document: Any) -> Build:
    actions = [action for action in document["actions"] if action]
    causes = [cause for action in actions for cause in action.get("causes", ())]
    built = [action["lastBuiltRevision"] for action in actions if "lastBuiltRevision" in action]
    return Build(
        starters=tuple(dict.fromkeys(cause["userId"] for cause in causes if "userId" in cause)),
        commits=tuple(revision["SHA1"] for revision in built),
        approvers=tuple(one["userId"] for one in actions if one.get("_class") == APPROVED),
    )
