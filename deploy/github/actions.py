"""What GitHub Actions may do in the repository."""

from __future__ import annotations

from deploy.github.gh import Gh
from registry.progress import warn


def set_up(gh: Gh, repository: str, *, private: bool) -> None:
    """Read-only tokens, actions pinned by their commit, forks only on approval."""
    path = f"repos/{repository}/actions/permissions"
    found = gh.get(path)
    wanted = {"enabled": True, "sha_pinning_required": True}
    if "sha_pinning_required" in found:
        # Which actions are allowed stays, but has to be sent.
        body = {**wanted, "allowed_actions": found.get("allowed_actions", "all")}
        gh.settle("Actions", wanted, found, "PUT", path, body)
    else:
        warn("this GitHub cannot demand that actions are pinned by their commit")

    token = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}
    found = gh.get(f"{path}/workflow")
    gh.settle("token of workflows", token, found, "PUT", f"{path}/workflow")

    # GitHub has one setting for public repositories and another one for all others.
    name = "fork-pr-workflows-private-repos" if private else "fork-pr-contributor-approval"
    found = gh.get(f"{path}/{name}")
    forks = (
        {
            "send_write_tokens_to_workflows": False,
            "send_secrets_and_variables": False,
            "require_approval_for_fork_pr_workflows": True,
        }
        if private
        else {"approval_policy": "all_external_contributors"}
    )
    gh.settle("forks", forks, found, "PUT", f"{path}/{name}", {**found, **forks})
