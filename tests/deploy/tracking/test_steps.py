"""From whatever a real server has to the planned rights, in one run or in two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.tracking.access_control import AccessControl
from registry.errors import Unreachable
from registry.tracking.names import EVIDENCE_EXPERIMENT, PRODUCTION
from tests.deploy.tracking.actor import RIGHTS
from tests.deploy.tracking.command import Command
from tests.deploy.tracking.team import (
    ADMINISTRATOR,
    Team,
)

NOTHING_TO_DO = ["administrators, whom no role restricts: admin", "0 steps"]


def test_where_nothing_differs_it_does_nothing(team: Team, command: Command) -> None:
    assert command() == (0, NOTHING_TO_DO)
    assert team.state() == team.clean


def grant(team: Team, username: str, resource_type: str, resource: str, level: str) -> None:
    answer = team.actor(ADMINISTRATOR).post(
        f"{RIGHTS}/users/permissions/grant",
        username=username,
        resource_type=resource_type,
        resource_id=resource,
        permission=level,
    )
    assert answer.status == 200, answer


def spoil(team: Team) -> None:
    """Give and take rights by hand, as they are not in the plan."""
    administrator = team.actor(ADMINISTRATOR)
    listed = json.loads(administrator.get(f"{RIGHTS}/roles/list").text)["roles"]
    roles = {role["name"]: role for role in listed}
    for name in ("mallory", "dave"):
        administrator.post("users/create", username=name, password="x" * 16)
    grant(team, "mallory", "registered_model", PRODUCTION, "MANAGE")
    grant(team, "mallory", "registered_model", "of-another-team", "MANAGE")
    grant(team, "mallory", "experiment", "*", "READ")
    grant(team, "trainer", "experiment", team.facts.evidence, "EDIT")
    team.actor("reader").with_model()
    grant(team, "reader", "registered_model", "\x1b[2J", "MANAGE")
    administrator.post(
        f"{RIGHTS}/roles/assign", username="trainer", role_id=roles["promoter"]["id"]
    )
    administrator.post(f"{RIGHTS}/roles/assign", username="dave", role_id=roles["promoter"]["id"])
    administrator.change("DELETE", f"{RIGHTS}/roles/delete", role_id=roles["auditor"]["id"])
    administrator.change(
        "PATCH",
        f"{RIGHTS}/roles/permissions/update",
        role_permission_id=roles["trainer"]["permissions"][0]["id"],
        permission="MANAGE",
    )
    administrator.post(
        f"{RIGHTS}/roles/permissions/add",
        role_id=roles["reader"]["id"],
        resource_type="experiment",
        resource_pattern=team.facts.training,
        permission="READ",
    )
    administrator.change("PATCH", "users/update-admin", username="promoter", is_admin=True)


DENIALS = [
    f"give role auditor: DENY on every {kind}"
    for kind in (
        "prompt",
        "prompt version",
        "scorer",
        "scorer version",
        "gateway secret",
        "gateway endpoint",
        "gateway model definition",
        "mcp server",
        "mcp server version",
    )
]


def test_it_takes_away_what_is_not_planned_and_gives_what_is_missing(
    team: Team, command: Command
) -> None:
    steps = [
        "take from trainer: role promoter",
        "make promoter no administrator",
        "take from dave: role promoter",
        "take from role reader: READ on experiment fraud-detector",
        "take from mallory: MANAGE on registered model fraud-detector-production",
        "take from mallory: READ on every experiment",
        "take from trainer: EDIT on experiment fraud-detector-promotions",
        "take from reader: MANAGE on registered model of-reader",
        "take from reader: MANAGE on registered model \\x1b[2J",
        "change in role trainer: MANAGE on experiment fraud-detector to EDIT",
        "create role auditor",
        "give role auditor: EDIT on experiment fraud-detector-live",
        "give role auditor: READ on every experiment",
        "give role auditor: READ on every registered model",
        "give role auditor: READ on every registered model version",
        *DENIALS,
        "give auditor: role auditor",
    ]
    with team.restored():
        spoil(team)
        spoiled = team.state()
        planned = command("--dry-run")
        after_dry_run = team.state()
        done = command()
        again = command()
        mallory = team.actor(ADMINISTRATOR).get(
            f"{RIGHTS}/users/permissions/list", username="mallory"
        )

    first = "administrators, whom no role restricts: admin, promoter"
    assert planned == (0, [first, *steps, "25 steps, none of them done (--dry-run)"])
    assert after_dry_run == spoiled
    assert done == (0, [first, *steps, "25 steps"])
    assert again == (0, NOTHING_TO_DO)
    assert mallory.text.count("of-another-team") == 1
    assert PRODUCTION not in mallory.text


def test_stopped_half_way_it_does_the_rest_when_it_is_run_again(
    team: Team, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, sent = AccessControl.send, []

    def fail_late(
        self: AccessControl, method: Any, path: str, what: str, *rest: Any, **auth: Any
    ) -> object:
        if method != "GET":
            sent.append(what)
            if len(sent) == 12:
                raise Unreachable(f"{what}: no response")
        return send(self, method, path, what, *rest, **auth)

    with team.restored():
        spoil(team)
        with monkeypatch.context() as patched:
            patched.setattr(AccessControl, "send", fail_late)
            code, lines = command()
        rest = command()
        again = command()

    assert (code, lines[-1]) == (
        2,
        f"error: {lines[-2]}: no response; 11 of 25 steps are done: run the command again",
    )
    assert rest[0] == 0
    assert rest[1][-1] == "14 steps"
    assert again == (0, NOTHING_TO_DO)


def test_several_users_have_one_role(team: Team, command: Command, passwords: Path) -> None:
    (passwords / "eve@example.com").write_text("the password of eve@example.com")
    (passwords / "ana").write_text("the password of ana")
    with team.restored():
        done = command("--user", "ana=trainer", "--user", "eve@example.com=trainer")
        both = [
            team.actor(name).post("runs/create", experiment_id=team.facts.training).status
            for name in ("ana", "eve@example.com")
        ]
        former = team.actor("trainer").post("runs/create", experiment_id=team.facts.training)

    assert done[1][1:] == [
        *(
            f"take from {name}: role {name}"
            for name in ("trainer", "promoter", "reader", "auditor")
        ),
        "create user ana",
        "create user eve@example.com",
        "give ana: role trainer",
        "give eve@example.com: role trainer",
        "8 steps",
    ]
    assert both == [200, 200]
    assert former.status == 403


def test_a_password_is_changed_only_where_that_is_asked_for(
    team: Team, command: Command, passwords: Path
) -> None:
    (passwords / "reader").write_text("another password of reader")
    with team.restored():
        kept = command()
        before = team.actor("reader").get("users/current").status
        changed = command("--reset-passwords")
        after = team.actor("reader").get("users/current").status

    notice = "the password of reader is not the file's; --reset-passwords changes it"
    assert kept == (0, [NOTHING_TO_DO[0], notice, "0 steps"])
    assert before == 200
    assert changed[1][1:] == ["change the password of reader to the file's", "1 steps"]
    assert after == 401


def test_evidence_gets_a_place_of_its_own(team: Team, command: Command) -> None:
    root = "wasbs://evidence@team.blob.core.windows.net/fraud"
    with team.restored():
        team.actor(ADMINISTRATOR).post(
            "experiments/update", experiment_id=team.facts.evidence, new_name="before"
        )
        done = command("--evidence-root", root)
        made = team.actor("reader").get(
            "experiments/get-by-name", experiment_name=EVIDENCE_EXPERIMENT
        )
        again = command("--evidence-root", root)
        moved = command("--evidence-root", "abfss://elsewhere@team.dfs.core.windows.net/")

    created = f"create experiment fraud-detector-promotions, with its artifacts in {root}"
    assert created in done[1]
    assert f'"artifact_location": "{root}"' in made.text
    assert again == (0, NOTHING_TO_DO)
    assert moved == (
        2,
        [
            f"error: {EVIDENCE_EXPERIMENT} exists already, with its artifacts in {root}: MLflow "
            "cannot move it to abfss://elsewhere@team.dfs.core.windows.net/"
        ],
    )


def test_a_deleted_experiment_is_named(team: Team, command: Command) -> None:
    with team.restored():
        team.actor(ADMINISTRATOR).post("experiments/delete", experiment_id=team.facts.evidence)

        assert command() == (
            2,
            ["error: experiment fraud-detector-promotions was deleted; restore it in MLflow"],
        )
