"""GitHub's REST API through `gh api`, which has the login. Changes are printed as they are made."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registry.errors import Unreachable, UsageError, on_one_line

TIMEOUT_SECONDS = 60
NOT_FOUND, UNAUTHORIZED = 404, 401
NOT_LOGGED_IN = 4
"""Exit code of `gh` without a login."""


class GitHubError(Unreachable):
    """GitHub answered a request with an error."""

    def __init__(self, request: str, status: int, said: str) -> None:
        super().__init__(f"{request}: {said}")
        self.status = status
        # 422 for what environments lack, 403 for rulesets; both are also used for other errors.
        self.of_plan = "billing plan" in said or "Upgrade to " in said


@dataclass
class Gh:
    """`gh`, logged in as an administrator of the repository."""

    dry_run: bool
    changes: int = 0

    def get(self, path: str) -> Any:
        """What is at a path; None where GitHub finds nothing. Raises GitHubError, UsageError."""
        try:
            return self._call("GET", path)
        except GitHubError as error:
            if error.status != NOT_FOUND:
                raise
            return None

    def items(self, path: str, key: str = "") -> list[Any]:
        """All pages of a list, which is below `key` in each; empty where GitHub finds nothing."""
        try:
            pages = self._documents("GET", f"{path}?per_page=30", None, "--paginate")
        except GitHubError as error:
            if error.status != NOT_FOUND:
                raise
            return []
        return [item for page in pages for item in (page[key] if key else page)]

    def settle(
        self, name: str, wanted: Any, found: Any, method: str, path: str, body: Any = None
    ) -> Any:
        """Send `body`, by default what is wanted, unless that is what was found; the answer."""
        if different := differences(wanted, found):
            return self.change(
                f"{name}: {'; '.join(different)}", method, path, wanted if body is None else body
            )
        return None

    def change(self, what: str, method: str, path: str, body: Any = None) -> Any:
        """Print what is changed and the request, and send it unless this is a dry run."""
        shown = "" if body is None else " " + json.dumps(body)
        print(f"{on_one_line(what)}\n    {method} {path}{shown}", flush=True)
        answer = None if self.dry_run else self._call(method, path, body)
        self.changes += 1
        return answer

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return next(iter(self._documents(method, path, body)), None)

    def _documents(self, method: str, path: str, body: Any, *options: str) -> list[Any]:
        command = ["gh", "api", path, "--method", method, *options]
        command += ["--header", "X-GitHub-Api-Version: 2022-11-28"]
        try:
            done = subprocess.run(
                command if body is None else [*command, "--input", "-"],
                input="" if body is None else json.dumps(body),
                capture_output=True,
                encoding="utf-8",
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
            if done.returncode:
                raise _error(f"{method} {path}", done.returncode, on_one_line(done.stderr.strip()))
            return list(_parse(done.stdout))
        except FileNotFoundError:
            raise UsageError("gh is missing; install the GitHub CLI") from None
        except (subprocess.TimeoutExpired, ValueError):
            raise Unreachable(f"{method} {path}: no answer from gh; run it again") from None


def _parse(text: str) -> Iterator[Any]:
    """The JSON documents that follow each other: `gh` prints one for each page."""
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def _error(request: str, code: int, said: str) -> Exception:
    status = re.search(r"\(HTTP (\d{3})\)", said)
    if code == NOT_LOGGED_IN or (status and int(status[1]) == UNAUTHORIZED):
        return UsageError("gh is not logged in; run `gh auth login` as an administrator")
    if status:
        return GitHubError(request, int(status[1]), said)
    return Unreachable(f"{request}: gh ended with: {said}")


def differences(wanted: Any, found: Any, at: str = "") -> list[str]:
    """How what was found differs in what is wanted; what else it has does not matter."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            difference
            for key, value in wanted.items()
            for difference in differences(value, found.get(key), f"{at}.{key}".removeprefix("."))
        ]
    if wanted == found:
        return []
    if not at:
        return ["is not there"]
    return [f"{at} is {json.dumps(found)}, not {json.dumps(wanted)}"]
