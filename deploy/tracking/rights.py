"""`python -m deploy.tracking.rights`: makes the users and roles, and takes away every other right.

It compares the server with what it should be, prints each step and does it; where nothing
differs, it does nothing. Killed half-way, it does the rest when it is run again. Rights are taken
away first.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from deploy.one_line_errors import one_line_errors
from deploy.tracking.access_control import AccessControl
from deploy.tracking.roles import ROLES
from deploy.tracking.steps import Rights, Wanted
from registry.errors import Unreachable, UsageError, on_one_line

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
MIN_PASSWORD_LENGTH = 16
STORAGE = ("wasbs://", "abfss://")


def read_users(options: list[str]) -> dict[str, str]:
    """The role of each user, of options `NAME=ROLE`; without any, a user for each role.

    Raises UsageError.
    """
    users: dict[str, str] = {}
    for option in options or [f"{role}={role}" for role in ROLES]:
        name, _, role = option.partition("=")
        if not USER_NAME.fullmatch(name) or role not in ROLES:
            raise UsageError(f"--user {option!r} is not NAME=ROLE; roles: {', '.join(ROLES)}")
        if name in users:
            raise UsageError(f"--user names {name} twice; a user has one role")
        users[name] = role
    return users


def read_password(folder: Path, name: str) -> str:
    """A user's password, from the file of the user's name; a line break at its end is ignored.

    Raises UsageError, without the password, for a file that is missing or too short.
    """
    path = folder / name
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"no password of {name} in {path} ({reason})") from None
    if len(password) < MIN_PASSWORD_LENGTH or not password.isprintable():
        raise UsageError(
            f"the password in {path} needs one line of at least {MIN_PASSWORD_LENGTH} characters"
        )
    return password


def rights(
    passwords: Annotated[
        Path, typer.Option(help="Folder with a file for each user, which holds the password.")
    ],
    user: Annotated[
        list[str] | None,
        typer.Option(help="NAME=ROLE; may be repeated. By default, a user for each role."),
    ] = None,
    evidence_root: Annotated[
        str, typer.Option(help="Artifact location of the promotions experiment, if it is made.")
    ] = "",
    reset_passwords: Annotated[
        bool, typer.Option("--reset-passwords", help="Change passwords that are not the file's.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")
    ] = False,
    tracking_uri: Annotated[
        str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="URL of the tracking server.")
    ] = "",
) -> None:
    """Make the users and roles of the tracking server, and take away every other right.

    The administrator signs in with MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.

    Example: python -m deploy.tracking.rights --passwords /mnt/secrets --user ana=trainer --dry-run
    """
    users = read_users(user or [])
    if evidence_root and not evidence_root.startswith(STORAGE):
        raise UsageError(
            f"--evidence-root needs an address of storage ({', '.join(STORAGE)}): for artifacts "
            "that it proxies, MLflow finds the rights by the experiment id at the start of the path"
        )
    wanted = Wanted(
        users,
        {name: read_password(passwords, name) for name in users},
        reset_passwords,
        evidence_root,
    )
    current = Rights(AccessControl(tracking_uri), wanted)
    print(f"administrators, whom no role restricts: {', '.join(current.administrators)}")
    if not reset_passwords:
        for name in current.other_passwords:
            print(f"the password of {name} is not the file's; --reset-passwords changes it")
    steps = list(current.steps())
    for done, step in enumerate(steps):
        print(on_one_line(step.text), flush=True)  # any user chose the names of own models
        if not dry_run:
            try:
                step.apply()
            except Unreachable as error:
                raise Unreachable(
                    f"{error}; {done} of {len(steps)} steps are done: run the command again"
                ) from error
    print(f"{len(steps)} steps{', none of them done (--dry-run)' if dry_run else ''}")


def main() -> None:
    """Run the command line; a RegistryError ends in one line and its exit code."""
    with one_line_errors():
        typer.run(rights)


if __name__ == "__main__":
    main()
