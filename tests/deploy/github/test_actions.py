"""Settings of Actions where GitHub has others: a private repository, and an older server."""

from __future__ import annotations

import pytest

from deploy.github import actions
from deploy.github.gh import Gh
from tests.deploy.github.hub import Hub

AT = "repos/contoso/fraud/actions/permissions"


def test_a_private_repository_has_a_setting_of_its_own_for_forks(hub: Hub) -> None:
    actions.set_up(Gh(dry_run=False), "contoso/fraud", private=True)

    assert hub.changes[-1] == (
        "PUT",
        f"{AT}/fork-pr-workflows-private-repos",
        {
            "run_workflows_from_fork_pull_requests": True,
            "send_write_tokens_to_workflows": False,
            "send_secrets_and_variables": False,
            "require_approval_for_fork_pr_workflows": True,
        },
    )


def test_which_actions_are_allowed_stays(hub: Hub) -> None:
    hub.known[AT] = {
        "enabled": True,
        "allowed_actions": "selected",
        "sha_pinning_required": False,
    }

    actions.set_up(Gh(dry_run=False), "contoso/fraud", private=False)

    assert hub.known[AT] == {
        "enabled": True,
        "allowed_actions": "selected",
        "sha_pinning_required": True,
    }


def test_a_server_without_pinning_is_warned_of(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    del hub.known[AT]["sha_pinning_required"]

    actions.set_up(Gh(dry_run=False), "contoso/fraud", private=False)

    assert [path for _, path, _ in hub.changes] == [
        f"{AT}/workflow",
        f"{AT}/fork-pr-contributor-approval",
    ]
    assert "this GitHub cannot demand that actions are pinned" in capsys.readouterr().err
