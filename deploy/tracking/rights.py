"""`python -m deploy.tracking.rights`: makes the users and roles, and takes away every other right.

It compares the server with what it should be, prints each step and does it; where nothing
differs, it does nothing. Killed half-way, it does the rest when it is run again. Rights are taken
away first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from deploy.tracking.access_control import (
    RIGHTS_API,
    WORKSPACE,
    AccessControl,
    Experiment,
    Method,
    Permission,
    Role,
    User,
)
from deploy.tracking.roles import (
    EVERY,
    EXPERIMENT,
    EXPERIMENTS,
    MODEL,
    MODELS,
    ROLES,
    Grant,
)
from registry.errors import RegistryError, Unreachable, UsageError
from registry.tracking.names import EVIDENCE_EXPERIMENT
from registry.tracking.rest import API

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
MIN_PASSWORD_LENGTH = 16
OWN_ROLE = re.compile(r"__user_\d+__")
"""The role in which MLflow keeps the rights that were given to one user alone."""


@dataclass(frozen=True)
class Wanted:
    """The users with their roles and passwords, and where evidence is to be stored."""

    users: Mapping[str, str]
    passwords: Mapping[str, str] = field(repr=False)
    reset_passwords: bool = False
    evidence_root: str = ""


@dataclass(frozen=True)
class Step:
    """One change of the server, and the request that makes it."""

    text: str
    apply: Callable[[], object]


class Rights:
    """What the server has now, and the steps to what is wanted.

    Reading it raises Unreachable, and UsageError for what no step can mend.
    """

    def __init__(self, server: AccessControl, wanted: Wanted) -> None:
        self._server = server
        self._wanted = wanted
        self.administrator = server.require_administrator()
        self._users = {user.username: user for user in server.users()}
        self._roles = server.roles()
        self._experiments = {
            name: found for name in EXPERIMENTS if (found := server.experiment(name)) is not None
        }
        self._check()

    @property
    def administrators(self) -> list[str]:
        """The users that no role restricts, in alphabetical order."""
        return sorted(user.username for user in self._users.values() if user.is_admin)

    @property
    def other_passwords(self) -> list[str]:
        """The users whose password is not the file's."""
        return [
            name
            for name, password in self._wanted.passwords.items()
            if name in self._users and not self._server.accepts(name, password)
        ]

    def steps(self) -> Iterator[Step]:
        """Every change, in the order in which they are to be made."""
        yield from self._revocations()
        yield from self._resources()
        for name in ROLES:
            yield from self._grants(name)
        yield from self._assignments()

    def _check(self) -> None:
        if self.administrator in self._wanted.users:
            raise UsageError(
                f"{self.administrator} is the administrator, whom no role restricts; name another "
                "user"
            )
        evidence, root = self._experiments.get(EVIDENCE_EXPERIMENT), self._wanted.evidence_root
        if evidence and root and evidence.artifact_location != root:
            raise UsageError(
                f"{EVIDENCE_EXPERIMENT} exists already, with its artifacts in "
                f"{evidence.artifact_location}: MLflow cannot move it to {root}"
            )

    # What is taken away

    def _revocations(self) -> Iterator[Step]:
        for user in self._users.values():
            if user.username in self._wanted.users and user.is_admin:
                yield self._step(
                    f"make {user.username} no administrator",
                    *("PATCH", f"{API}/users/update-admin"),
                    {"username": user.username, "is_admin": False},
                )
            yield from self._unassignments(user)
        for role in self._roles:
            for permission in role.permissions:
                if self._is_surplus(role, permission):
                    yield self._step(
                        f"take from {self._holder(role)}: {self._named(permission)}",
                        *("DELETE", f"{RIGHTS_API}/roles/permissions/remove"),
                        {"role_permission_id": permission.id},
                    )

    def _unassignments(self, user: User) -> Iterator[Step]:
        wanted = self._wanted.users.get(user.username)
        for role in user.roles:
            is_ours = _is_ours(role)
            if wanted and not OWN_ROLE.fullmatch(role.name):
                is_surplus = not (is_ours and role.name == wanted)
            else:
                is_surplus = is_ours
            if is_surplus:
                yield self._step(
                    f"take from {user.username}: role {role.name}",
                    *("DELETE", f"{RIGHTS_API}/roles/unassign"),
                    {"username": user.username, "role_id": role.id},
                )

    def _is_surplus(self, role: Role, permission: Permission) -> bool:
        key = (permission.resource_type, permission.resource_pattern)
        if _is_ours(role):
            return key not in self._keys(role.name)
        holders = [user for user in self._users.values() if role.id in _ids(user.roles)]
        if all(user.is_admin and user.username not in self._wanted.users for user in holders):
            return False
        if any(user.username in self._wanted.users for user in holders):
            return bool(OWN_ROLE.fullmatch(role.name))  # any other role is taken from them whole
        return permission.permission != "DENY" and (EVERY in key or key in self._resources_of_ours)

    @property
    def _resources_of_ours(self) -> set[tuple[str, str]]:
        ids = [experiment.experiment_id for experiment in self._experiments.values()]
        return {(EXPERIMENT, number) for number in ids} | {(MODEL, name) for name in MODELS}

    def _holder(self, role: Role) -> str:
        if not OWN_ROLE.fullmatch(role.name):
            return f"role {role.name}"
        return ", ".join(
            user.username for user in self._users.values() if role.id in _ids(user.roles)
        )

    def _named(self, permission: Permission) -> str:
        """The permission with the name of an experiment of ours instead of its id."""
        names = {experiment.experiment_id: name for name, experiment in self._experiments.items()}
        kind, name = permission.resource_type, permission.resource_pattern
        if kind == EXPERIMENT:
            name = names.get(name, name)
        return str(Grant(permission.permission, kind, name))  # type: ignore[arg-type]

    # What is made

    def _resources(self) -> Iterator[Step]:
        for name in EXPERIMENTS:
            if name not in self._experiments:
                root = self._wanted.evidence_root if name == EVIDENCE_EXPERIMENT else ""
                where = f", with its artifacts in {root}" if root else ""
                yield Step(f"create experiment {name}{where}", partial(self._create, name, root))
        for name in MODELS:
            if not self._server.has_model(name):
                yield self._step(
                    f"create registered model {name}",
                    *("POST", f"{API}/registered-models/create"),
                    {"name": name},
                )

    def _create(self, name: str, root: str) -> None:
        values = {"name": name, **({"artifact_location": root} if root else {})}
        path, what = f"{API}/experiments/create", f"create experiment {name}"
        created = self._server.send("POST", path, what, values)
        self._experiments[name] = Experiment(
            experiment_id=str(created["experiment_id"]), artifact_location=root
        )

    def _grants(self, name: str) -> Iterator[Step]:
        role = self._role(name)
        if role is None:
            yield self._step(
                f"create role {name}",
                *("POST", f"{RIGHTS_API}/roles/create"),
                {"workspace": WORKSPACE, "name": name},
            )
        held = {
            (each.resource_type, each.resource_pattern): each
            for each in (role.permissions if role else [])
        }
        for grant in ROLES[name]:
            present = held.get(self._key(grant))
            if present is None:
                yield Step(f"give role {name}: {grant}", partial(self._give, name, grant))
            elif present.permission != grant.level:
                yield self._step(
                    f"change in role {name}: {self._named(present)} to {grant.level}",
                    *("PATCH", f"{RIGHTS_API}/roles/permissions/update"),
                    {"role_permission_id": present.id, "permission": grant.level},
                )

    def _give(self, name: str, grant: Grant) -> None:
        resource_type, pattern = self._key(grant)
        self._server.send(
            "POST",
            f"{RIGHTS_API}/roles/permissions/add",
            f"give role {name}: {grant}",
            {
                "role_id": self._made_role(name),
                "resource_type": resource_type,
                "resource_pattern": pattern,
                "permission": grant.level,
            },
        )

    def _assignments(self) -> Iterator[Step]:
        for name in self._wanted.users:
            if name not in self._users:
                yield self._step(
                    f"create user {name}",
                    *("POST", f"{API}/users/create"),
                    {"username": name, "password": self._wanted.passwords[name]},
                )
        if self._wanted.reset_passwords:
            for name in self.other_passwords:
                yield self._step(
                    f"change the password of {name} to the file's",
                    *("PATCH", f"{API}/users/update-password"),
                    {"username": name, "password": self._wanted.passwords[name]},
                )
        for name, role in self._wanted.users.items():
            held = self._users[name].roles if name in self._users else []
            if not any(_is_ours(each) and each.name == role for each in held):
                yield Step(f"give {name}: role {role}", partial(self._assign, name, role))

    def _assign(self, name: str, role: str) -> None:
        values = {"username": name, "role_id": self._made_role(role)}
        path, what = f"{RIGHTS_API}/roles/assign", f"give {name}: role {role}"
        self._server.send("POST", path, what, values)

    def _role(self, name: str) -> Role | None:
        return next((role for role in self._roles if _is_ours(role) and role.name == name), None)

    def _made_role(self, name: str) -> int:
        """The id of a role of ours, which an earlier step made if need be."""
        if self._role(name) is None:
            self._roles = self._server.roles()
        role = self._role(name)
        if role is None:
            raise Unreachable(f"role {name} is gone; run the command again")
        return role.id

    def _keys(self, name: str) -> set[tuple[str, str]]:
        return {self._key(grant) for grant in ROLES[name]}

    def _key(self, grant: Grant) -> tuple[str, str]:
        """How MLflow names what is granted; an experiment that is still to be made has no name."""
        if grant.resource_type != EXPERIMENT or grant.name == EVERY:
            return grant.resource_type, grant.name
        experiment = self._experiments.get(grant.name)
        return EXPERIMENT, experiment.experiment_id if experiment else ""

    def _step(self, text: str, method: Method, path: str, values: Mapping[str, object]) -> Step:
        return Step(text, partial(self._server.send, method, path, text, values))


def _is_ours(role: Role) -> bool:
    return role.workspace == WORKSPACE and role.name in ROLES


def _ids(roles: list[Role]) -> set[int]:
    return {role.id for role in roles}


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
        print(step.text, flush=True)
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
    try:
        typer.run(rights)
    except RegistryError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
