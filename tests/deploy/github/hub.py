"""A GitHub in memory, with the JSON that GitHub documents, and a `gh` on PATH that asks it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.ansible.plays import write_program

REPOSITORY = "contoso/fraud"
NOT_FOUND = 404, {"message": "Not Found", "status": "404"}
NO_REVIEWERS = (
    "Failed to create the environment protection rule. Please ensure the billing plan supports the "
    "required reviewers protection rule."
)
UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."
# In Bash, which starts in a tenth of Python's time: a run asks forty times.
GH = r"""#!/bin/bash
for argument; do
  case $argument in
  --input) IFS= read -r -d '' body ;;
  X-*) version=$argument ;;
  esac
done
exec 3<>/dev/tcp/127.0.0.1/PORT
printf '%s\r\n' "$4 /$2 HTTP/1.0" "$version" "Content-Length: ${#body}" '' >&3
printf '%s' "$body" >&3
read -r _ status _ <&3
while IFS= read -r line <&3 && [[ $line != $'\r' ]]; do :; done
IFS= read -r -d '' text <&3
if ((status >= 400)); then
  message=${text#*\"message\": \"}
  echo "gh: ${message%%\"*} (HTTP $status)" >&2
  exit 1
fi
echo "$text"
"""
Answer = tuple[int, Any]


@dataclass
class Hub:
    """What GitHub holds of one repository, and the requests that changed it."""

    private: bool = False
    admin: bool = True
    reviewers: bool = True
    paid: bool = True
    """Whether the plan has required reviewers; whether it has environments and rules at all."""
    strangers: set[int] = field(default_factory=set)
    """Reviewers that may not read the repository, which GitHub leaves out."""
    known: dict[str, Any] = field(
        default_factory=lambda: {
            "apps/github-actions": {"id": 15368, "slug": "github-actions"},
            "users/alice": {"id": 11, "login": "alice", "type": "User"},
            "users/bot": {"id": 12, "login": "bot", "type": "Bot"},
            "orgs/contoso/teams/reviewers": {"id": 21, "slug": "reviewers"},
        }
    )
    """Path → what is there; settings are changed by PUT."""
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    owners: dict[str, Any] | None = None
    changes: list[tuple[str, str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        permissions = f"repos/{REPOSITORY}/actions/permissions"
        self.known |= {
            permissions: {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False},
            f"{permissions}/workflow": {
                "default_workflow_permissions": "write",
                "can_approve_pull_request_reviews": True,
            },
            f"{permissions}/fork-pr-contributor-approval": {
                "approval_policy": "first_time_contributors"
            },
            f"{permissions}/fork-pr-workflows-private-repos": {
                "run_workflows_from_fork_pull_requests": True,
                "send_write_tokens_to_workflows": True,
                "send_secrets_and_variables": True,
                "require_approval_for_fork_pr_workflows": False,
            },
        }

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """The status and the document that GitHub answers with."""
        if path == f"repos/{REPOSITORY}":
            admin = {"admin": self.admin, "push": True, "pull": True}
            return 200, {"full_name": path, "private": self.private, "permissions": admin}
        if path in self.known:
            if method == "PUT":
                self.known[path] = body
                return 204, None
            return 200, self.known[path]
        place = path.removeprefix(f"repos/{REPOSITORY}/")
        if place == "codeowners/errors":
            return (200, self.owners) if self.owners else NOT_FOUND
        handlers: tuple[tuple[str, Callable[..., Answer]], ...] = (
            (r"environments/([a-z]+)", self._environment),
            (r"environments/([a-z]+)/deployment-branch-policies(?:/(\d+))?", self._policy),
            (r"(?:environments/)?([a-z]+)/variables(?:/(\w+))?", self._variable),
            (r"rulesets(?:/(\d+))?", self._ruleset),
        )
        for pattern, handle in handlers:
            if found := re.fullmatch(pattern, place):
                return handle(method, *found.groups(), body)
        return NOT_FOUND

    def _environment(self, method: str, name: str, body: Any) -> Answer:
        if method == "PUT" and self.paid:
            rules = []
            self.environments.setdefault(name, environment(name, [], None))
            if "reviewers" in body:
                if not self.reviewers:
                    return 422, {"message": NO_REVIEWERS, "status": "422"}
                rules = [required_reviewers(body, self.strangers)]
            made = environment(name, rules, body["deployment_branch_policy"])
            made["can_admins_bypass"] = body.get("can_admins_bypass", True)
            self.environments[name] = made
            return 200, made
        return (200, self.environments[name]) if name in self.environments else NOT_FOUND

    def _policy(self, method: str, name: str, number: str | None, body: Any) -> Answer:
        if name not in self.environments:
            return NOT_FOUND
        policies = self.policies.setdefault(name, [])
        if method == "POST":
            policies.append({"id": len(policies) + 1, "node_id": "MDE6", **body})
            return 200, policies[-1]
        if method == "DELETE":
            policies[:] = [each for each in policies if each["id"] != int(number or 0)]
            return 204, None
        return 200, {"total_count": len(policies), "branch_policies": policies}

    def _variable(self, method: str, where: str, name: str | None, body: Any) -> Answer:
        if where not in {"actions", *self.environments}:
            return NOT_FOUND
        held = self.variables.setdefault(where, {})
        if method == "GET":
            listed = [{"name": key, "value": value} for key, value in held.items()]
            return 200, {"total_count": len(held), "variables": listed}
        assert (method == "PATCH") == (body["name"] in held) == (name == body["name"])
        held[body["name"]] = body["value"]
        return (201, {}) if method == "POST" else (204, None)

    def _ruleset(self, method: str, number: str | None, body: Any) -> Answer:
        if not self.paid:
            return 403, {"message": UPGRADE, "status": "403"}
        if method in ("POST", "PUT"):
            # GitHub's own order, and what it adds.
            rules = [{**rule, "ruleset_source_type": "Repository"} for rule in body["rules"][::-1]]
            one = int(number or 7)
            self.rulesets[one] = {**body, "id": one, "source": REPOSITORY, "rules": rules}
        if number or method == "POST":
            return 201 if method == "POST" else 200, self.rulesets[int(number or 7)]
        return 200, [
            {"id": key, "name": each["name"], "enforcement": each["enforcement"]}
            for key, each in self.rulesets.items()
        ]


def environment(name: str, rules: list[Any], branches: Any) -> dict[str, Any]:
    """An environment, as GitHub shows it."""
    if branches:
        rules = [*rules, {"id": 3, "node_id": "MDE6", "type": "branch_policy"}]
    return {
        "id": 161,
        "name": name,
        "can_admins_bypass": True,
        "protection_rules": rules,
        "deployment_branch_policy": branches,
    }


def required_reviewers(body: dict[str, Any], unknown: set[int]) -> dict[str, Any]:
    return {
        "id": 2,
        "type": "required_reviewers",
        "prevent_self_review": body["prevent_self_review"],
        "reviewers": [
            {"type": each["type"], "reviewer": {"id": each["id"]}}
            for each in body["reviewers"]
            if each["id"] not in unknown
        ],
    }


@contextmanager
def serving(hub: Hub, programs: Path) -> Iterator[None]:
    """Serve `hub` for the `gh` that is written into the folder `programs`."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.parse_request():
                return
            assert self.headers["X-GitHub-Api-Version"] == "2022-11-28"
            text = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(text) if text else None
            path = self.path.removeprefix("/").removesuffix("?per_page=30")
            status, document = hub.answer(self.command, path, body)
            if self.command != "GET" and status < 400:
                hub.changes.append((self.command, path, body))
            shown = b"" if document is None else json.dumps(document).encode()
            self.send_response_only(status)
            self.end_headers()
            self.wfile.write(shown)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    write_program(programs, "gh", GH.replace("PORT", str(server.server_port)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
