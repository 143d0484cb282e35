"""Branch rules of `main`: what gets there was read by another person, is signed, and passed CI."""

from __future__ import annotations

from itertools import product
from typing import Any

import yaml

from deploy.github.gh import Gh, GitHubError

NAME = "fraud: main"


def checks(workflow: str) -> list[str]:
    """Names under which a workflow's jobs report; one with a matrix reports each combination."""
    names = []
    for key, job in yaml.safe_load(workflow)["jobs"].items():
        name, values = job.get("name", key), job.get("strategy", {}).get("matrix", {}).values()
        combined = [", ".join(map(str, one)) for one in product(*values)]
        names += [f"{name} ({one})" if one else name for one in combined]
    return names


def ruleset(required: list[str], application: int) -> dict[str, Any]:
    """The rules, as GitHub's API takes them. `application` is that whose checks count."""
    return {
        "name": NAME,
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": {"ref_name": {"include": ["refs/heads/main"], "exclude": []}},
        "rules": [
            {"type": "deletion"},
            {"type": "non_fast_forward"},
            # The gate `provenance` takes the author from the signature.
            {"type": "required_signatures"},
            {
                "type": "pull_request",
                "parameters": {
                    "required_approving_review_count": 1,
                    "dismiss_stale_reviews_on_push": True,
                    "require_code_owner_review": True,
                    "require_last_push_approval": True,
                    "required_review_thread_resolution": False,
                    # GitHub does not sign what it rebases.
                    "allowed_merge_methods": ["merge", "squash"],
                },
            },
            {
                "type": "required_status_checks",
                "parameters": {
                    "strict_required_status_checks_policy": True,
                    "required_status_checks": [
                        {"context": name, "integration_id": application}
                        for name in sorted(required)
                    ],
                },
            },
        ],
    }


def set_up(gh: Gh, repository: str, required: list[str]) -> list[str]:
    """Make or repair the ruleset; what the plan of the repository lacks for it."""
    wanted = ruleset(required, gh.get("apps/github-actions")["id"])
    path = f"repos/{repository}/rulesets"
    try:
        known = [each["id"] for each in gh.items(path) if each["name"] == NAME]
        found = _by_type(gh.get(f"{path}/{known[0]}")) if known else None
        request = ("PUT", f"{path}/{known[0]}") if known else ("POST", path)
        gh.settle("rules of main", _by_type(wanted), found, *request, wanted)
    except GitHubError as error:
        if not error.of_plan:
            raise
        return ["branch rules"]
    return []


def _by_type(one: dict[str, Any]) -> dict[str, Any]:
    """A ruleset whose rules, and whose checks, are in no order."""
    rules = {rule["type"]: dict(rule.get("parameters") or {}) for rule in one["rules"]}
    if "required_status_checks" in rules:
        rules["required_status_checks"]["required_status_checks"] = sorted(
            rules["required_status_checks"]["required_status_checks"],
            key=lambda check: str(check["context"]),
        )
    return {**one, "rules": rules}
