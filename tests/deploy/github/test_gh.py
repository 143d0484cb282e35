"""A `gh` that is missing, has no login, fails, or prints several pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.github.gh import Gh, GitHubError, differences
from registry.errors import Unreachable, UsageError
from tests.ansible.plays import write_program


def test_gh_may_be_missing(programs: Path) -> None:
    with pytest.raises(UsageError, match="gh is missing; install the GitHub CLI"):
        Gh(dry_run=False).get("repos/contoso/fraud")


@pytest.mark.parametrize(
    "script",
    [
        "echo 'To get started with GitHub CLI, please run:  gh auth login' >&2; exit 4",
        "echo 'gh: Bad credentials (HTTP 401)' >&2; exit 1",
    ],
)
def test_gh_may_have_no_login(programs: Path, script: str) -> None:
    write_program(programs, "gh", f"#!/bin/sh\n{script}\n")

    with pytest.raises(UsageError, match="gh is not logged in; run `gh auth login` as an"):
        Gh(dry_run=False).get("repos/contoso/fraud")


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (
            "echo 'gh: Conflict (HTTP 409)' >&2; exit 1",
            GitHubError,
            "GET repos/contoso/fraud: gh: Conflict (HTTP 409)",
        ),
        (
            "printf 'error connecting\\n\\033[2Jto api.github.com' >&2; exit 1",
            Unreachable,
            r"GET repos/contoso/fraud: gh ended with: error connecting\n\x1b[2Jto api.github.com",
        ),
        (
            "echo '<html>a proxy</html>'",
            Unreachable,
            "GET repos/contoso/fraud: no answer from gh; run it again",
        ),
    ],
)
def test_what_gh_says_is_passed_on(
    programs: Path, script: str, kind: type[Exception], message: str
) -> None:
    write_program(programs, "gh", f"#!/bin/sh\n{script}\n")

    with pytest.raises(kind) as failed:
        Gh(dry_run=False).get("repos/contoso/fraud")

    assert str(failed.value) == message


def test_a_list_has_all_pages(programs: Path) -> None:
    script = """echo '{"variables": [{"name": "A"}]}{"variables": [{"name": "B"}]}'"""
    write_program(programs, "gh", f"#!/bin/sh\n{script}\n")

    assert Gh(dry_run=False).items("variables", "variables") == [{"name": "A"}, {"name": "B"}]


def test_differences_name_the_place_and_both_values() -> None:
    wanted = {"rules": {"review": {"count": 1}, "deletion": {}}, "enforcement": "active"}
    found = {"rules": {"review": {"count": 0, "more": 1}}, "enforcement": "active", "id": 7}

    assert differences(wanted, found) == [
        "rules.review.count is 0, not 1",
        "rules.deletion is null, not {}",
    ]
    assert differences(wanted, None) == ["is not there"]
    assert differences(wanted, wanted) == []
