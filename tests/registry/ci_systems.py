"""Stand-ins for the APIs of GitHub and Jenkins: one HTTP server that answers by path.

The answers hold the fields that GitHub documents for REST API version 2022-11-28, and those of
Jenkins' JSON API, which we read.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

APPROVALS = "/repos/bank/fraud/actions/runs/42/approvals"
RUN = "/repos/bank/fraud/actions/runs/42/attempts/1"


@dataclass
class CiSystem:
    """Its address, its answers by path (404 for all others), and the requests that it received."""

    uri: str = ""
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str, document: Any, status: int = 200) -> None:
        self.answers[path] = (status, json.dumps(document))

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a GitHub Actions job."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_API_URL": self.uri,
            "GITHUB_REPOSITORY": "bank/fraud",
            "GITHUB_RUN_ID": "42",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_TOKEN": "token-of-the-job",
        }


@contextmanager
def ci_system() -> Iterator[CiSystem]:
    system = CiSystem()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            system.requests.append((self.path, dict(self.headers)))
            status, body = system.answers.get(self.path.partition("?")[0], (404, "{}"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    system.uri = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield system
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def review(
    login: str, state: str = "approved", comment: str = "", environment: str = "production"
) -> dict[str, Any]:
    """An element of GitHub's review history."""
    return {
        "state": state,
        "comment": comment,
        "environments": [{"id": 1, "name": environment, "url": "https://api.github.example/1"}],
        "user": {"login": login, "id": 1, "type": "User"},
    }


def workflow_run(commit: str, actor: str, **changed: Any) -> dict[str, Any]:
    """GitHub's answer for an attempt of a workflow run."""
    return {
        "id": 42,
        "path": ".github/workflows/train.yml",
        "head_sha": commit,
        "head_branch": "main",
        "event": "workflow_dispatch",
        "run_attempt": 1,
        "actor": {"login": actor},
        "triggering_actor": {"login": actor},
        **changed,
    }
