"""A real tracking server with basic auth, its users, and a ledger with one model in Production.

Two servers share one database: `uri` is MLflow as it comes, `guarded_uri` has our guard in front.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

from deploy.local.processes import free_port, mlflow_server
from deploy.tracking.access_control import AccessControl
from deploy.tracking.roles import ROLES
from deploy.tracking.steps import Rights, Wanted
from registry.errors import RegistryError
from registry.evaluation.evidence import parse_reference
from registry.lifecycle.verify import verify
from registry.tracking.head import fetch_head
from registry.tracking.names import (
    CANDIDATES,
    EVIDENCE_EXPERIMENT,
    PRODUCTION,
    PRODUCTION_ALIAS,
    TRAINING_EXPERIMENT,
)
from registry.tracking.rest import Registry
from tests.candidates import register_candidate
from tests.deploy.tracking.actor import Actor, Facts, password
from tests.world import Server, World, new_world

ADMINISTRATOR = "admin"
DATABASES = ("mlflow.db", "auth.db")
State = tuple[object, ...]
USERS = {role: role for role in ROLES}


@dataclass(frozen=True)
class Team:
    uri: str
    guarded_uri: str
    folder: Path
    world: World
    """The ledger, on the guarded server."""
    facts: Facts
    saved: Path = field(repr=False)
    """A copy of databases and artifacts, as they were before any test."""

    def actor(self, user: str, *, guarded: bool = False) -> Actor:
        return Actor(self.guarded_uri if guarded else self.uri, user, self.facts)

    def state(self) -> State:
        """Every row of both databases, and every stored file."""
        return state_of(self.folder)

    @cached_property
    def clean(self) -> State:
        """The state before any test."""
        return state_of(self.saved)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Undo at the end whatever was changed on the server."""
        try:
            yield
        finally:
            if self.state() != self.clean:
                copy(self.saved, self.folder)


def state_of(folder: Path) -> State:
    artifacts = folder / "artifacts"
    files = [path for path in sorted(artifacts.rglob("*")) if path.is_file()]
    return (
        *(dump(folder / name) for name in DATABASES),
        {str(path.relative_to(artifacts)): path.read_bytes() for path in files},
    )


def copy(source: Path, destination: Path) -> None:
    for name in DATABASES:
        copy_database(source / name, destination / name)
    shutil.rmtree(destination / "artifacts", ignore_errors=True)
    shutil.copytree(source / "artifacts", destination / "artifacts")


def dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def copy_database(source: Path, destination: Path) -> None:
    """Copy it in one transaction, under the eyes of the servers that have it open."""
    with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(destination)) as copy:
        origin.backup(copy)


@contextmanager
def signed_in(user: str, secret: str = "") -> Iterator[None]:
    """What runs inside signs in as this user, with MLflow's environment variables."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_USERNAME", user)
        environment.setenv("MLFLOW_TRACKING_PASSWORD", secret or password(user))
        yield


@contextmanager
def server_with_auth(folder: Path, authorization: str = "") -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / f"basic_auth-{authorization or 'default'}.ini"
    lines = [
        "[mlflow]",
        "default_permission = NO_PERMISSIONS",
        f"database_uri = sqlite:///{folder / 'auth.db'}",
        f"admin_username = {ADMINISTRATOR}",
        # Without it, every request hashes its password two to four times, 80 ms each.
        "auth_cache_ttl_seconds = 60",
        *([f"authorization_function = {authorization}"] if authorization else []),
    ]
    settings.write_text("\n".join(lines))
    variables = {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password(ADMINISTRATOR),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key for tests",
    }
    arguments = ("--app-name", "basic-auth")
    with mlflow_server(folder, free_port(), *arguments, environment=variables) as uri:
        yield uri


def wanted(**changes: object) -> Wanted:
    values = {"users": USERS, "passwords": {name: password(name) for name in USERS}, **changes}
    return Wanted(**values)  # type: ignore[arg-type]


def apply_rights(uri: str, plan: Wanted) -> list[str]:
    """Do every step as the administrator; return what was done."""
    with signed_in(ADMINISTRATOR):
        steps = list(Rights(AccessControl(uri), plan).steps())
        for step in steps:
            step.apply()
    return [step.text for step in steps]


@contextmanager
def running_team(folder: Path) -> Iterator[Team]:
    """Both servers; on them, candidate 1 in Production and candidate 2 in Staging."""
    with ExitStack() as stack:
        uri = stack.enter_context(server_with_auth(folder))
        guard = "deploy.tracking.guard:authenticate"
        guarded_uri = stack.enter_context(server_with_auth(folder, guard))
        apply_rights(uri, wanted())
        world = new_world(Server(guarded_uri, folder), folder)
        with signed_in("trainer"):
            for quality in (0.9, 1.0):
                register_candidate(world.client, quality=quality, experiment=TRAINING_EXPERIMENT)
        with signed_in("promoter"):
            reference, _ = world.evaluate(1)
            world.promote(reference)
            world.client.set_registered_model_alias(CANDIDATES, "staging", "2")
            world.client.set_registered_model_tag(PRODUCTION, "team", "fraud")
        with signed_in(ADMINISTRATOR):
            facts = facts_of(world, parse_reference(reference).run_id)
        saved = folder / "saved"
        saved.mkdir()
        copy(folder, saved)
        yield Team(uri, guarded_uri, folder, world, facts, saved)


def as_the_ledger_says(team: Team) -> tuple[str, str]:
    """What `registry verify` prints, as the auditor, and what a new pod does, as the reader."""
    with signed_in("auditor"):
        try:
            found = verify(team.world.client, team.world.ledger)
            lines = [*found.problems, *found.stale]
            lines.append(f"{found.entries} entries, {len(found.problems)} problems")
        except RegistryError as error:
            lines = [str(error)]
    with signed_in("reader"):
        registry = Registry(team.guarded_uri)
        try:
            fetch_head(registry, team.world.trust)
        except RegistryError as error:
            return "\n".join(lines), str(error)
    return "\n".join(lines), "serves"


def facts_of(world: World, evidence_run: str) -> Facts:
    client = world.client
    training = client.get_experiment_by_name(TRAINING_EXPERIMENT)
    evidence = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    candidate = client.get_model_version(CANDIDATES, "1")
    entry = client.get_model_version_by_alias(PRODUCTION, PRODUCTION_ALIAS)
    assert training
    assert evidence
    return Facts(
        training.experiment_id,
        evidence.experiment_id,
        str(candidate.run_id),
        evidence_run,
        str(candidate.source).removeprefix("mlflow-artifacts:/"),
        str(entry.source).removeprefix("mlflow-artifacts:/"),
        world.server.folder,
    )
