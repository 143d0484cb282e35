"""The command that makes users and roles: its options, its files, and who may run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.tracking.rights import read_password, read_users
from registry.errors import UsageError
from tests.deploy.tracking.actor import password
from tests.deploy.tracking.command import Command
from tests.deploy.tracking.team import (
    ADMINISTRATOR,
    Team,
)


@pytest.mark.parametrize("root", ["mlflow-artifacts:/evidence", "file:///evidence", "evidence"])
def test_evidence_is_not_proxied_to_a_place_without_rights(command: Command, root: str) -> None:
    code, [line] = command("--evidence-root", root)

    assert code == 2
    assert line.startswith(
        "error: --evidence-root needs an address of storage (wasbs://, abfss://)"
    )


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("reader", "reader is no administrator of "),
        ("nobody", "the server does not accept MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_only_an_administrator_may_do_it(
    team: Team, command: Command, user: str, message: str
) -> None:
    code, [line] = command(user=user)

    assert code == 2
    assert line.startswith(f"error: {message}")
    assert team.state() == team.clean


def test_the_administrator_has_no_role(team: Team, command: Command, passwords: Path) -> None:
    (passwords / ADMINISTRATOR).write_text(password(ADMINISTRATOR) + " again")

    code, [line] = command("--user", "admin=reader")

    assert (code, line) == (
        2,
        "error: admin is the administrator, whom no role restricts; name another user",
    )


@pytest.mark.parametrize(
    "option",
    [
        "ana",
        "ana=",
        "=trainer",
        "ana=admin",
        "../ana=reader",
        "a:b=reader",
        ".=reader",
        "a b=reader",
    ],
)
def test_a_user_is_a_name_and_a_role(option: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_users([option])

    assert str(caught.value) == (
        f"--user {option!r} is not NAME=ROLE; roles: trainer, promoter, reader, auditor"
    )


def test_a_user_has_one_role() -> None:
    assert read_users(["ana=reader", "bob=reader"]) == {"ana": "reader", "bob": "reader"}
    with pytest.raises(UsageError) as caught:
        read_users(["ana=reader", "ana=auditor"])

    assert str(caught.value) == "--user names ana twice; a user has one role"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"short", b"x" * 15, b"secret secret 1\nsecret secret 2", b"\xff" * 20]
)
def test_a_password_that_is_none_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "reader").write_bytes(content)

    with pytest.raises(UsageError) as caught:
        read_password(tmp_path, "reader")

    assert str(tmp_path / "reader") in str(caught.value)
    assert "secret" not in str(caught.value).replace(str(tmp_path), "")


def test_a_password_is_the_line_of_a_file_that_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "mounted").write_bytes(b" sixteen letters \r\n")
    (tmp_path / "reader").symlink_to("mounted")

    assert read_password(tmp_path, "reader") == " sixteen letters "
    with pytest.raises(UsageError) as caught:
        read_password(tmp_path, "auditor")
    assert str(caught.value) == (
        f"no password of auditor in {tmp_path / 'auditor'} (No such file or directory)"
    )
