"""A real tracking server with basic auth, its users, and a ledger with one model in Production.

Two servers share one database: `uri` is MLflow as it comes, `guarded_uri` has our guard in front.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from deploy.local.processes import free_port, mlflow_server
from deploy.tracking.access_control import AccessControl
from deploy.tracking.rights import Rights, Wanted
from deploy.tracking.roles import ROLES
from registry.evaluation.evidence import parse_reference
from registry.tracking.names import (
    CANDIDATES,
    EVIDENCE_EXPERIMENT,
    PRODUCTION,
    PRODUCTION_ALIAS,
    TRAINING_EXPERIMENT,
)
from tests.candidates import register_candidate
from tests.world import Server, World, new_world

ADMINISTRATOR = "admin"
ANONYMOUS = ""
DATABASES = ("mlflow.db", "auth.db")
API = "/api/2.0/mlflow"
RIGHTS = "/api/3.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
USERS = {role: role for role in ROLES}


def password(user: str) -> str:
    return f"the password of {user}"


@dataclass(frozen=True)
class Response:
    status: int
    text: str

    def __str__(self) -> str:
        return f"{self.status} {self.text}"


@dataclass(frozen=True)
class Facts:
    """The ids that attempts need."""

    training: str
    """The id of the training experiment."""
    evidence: str
    """The id of the promotions experiment."""
    candidate_run: str
    evidence_run: str
    """The run whose files Production resolves to."""
    candidate_source: str
    source: str


@dataclass(frozen=True)
class Actor:
    """One user of one of the servers, who sends requests exactly as written."""

    uri: str
    user: str
    facts: Facts

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Response:
        sent = {"Content-Type": content_type, **headers}
        if self.user:
            pair = f"{self.user}:{password(self.user)}".encode()
            sent["Authorization"] = f"Basic {b64encode(pair).decode()}"
        with closing(HTTPConnection(urlsplit(self.uri).netloc, timeout=20)) as connection:
            connection.request(method, target, body, sent)
            response = connection.getresponse()
            return Response(response.status, response.read().decode(errors="replace"))

    def get(self, path: str, **query: str) -> Response:
        return self.send("GET", f"{_absolute(path)}?{urlencode(query)}")

    def post(self, path: str, **values: object) -> Response:
        return self.change("POST", path, **values)

    def change(self, method: str, path: str, **values: object) -> Response:
        return self.send(method, _absolute(path), json.dumps(values).encode())

    def put(self, path: str, content: bytes = b"evil") -> Response:
        return self.send("PUT", f"{PROXY}/{path}", content, "application/octet-stream")

    def own_experiment(self, **values: object) -> str:
        """The id of a new experiment, of which MLflow makes its creator the owner."""
        name = f"of {self.user}"
        return str(_field(self.post("experiments/create", name=name, **values), "experiment_id"))

    def own_run(self, experiment: str) -> str:
        created = self.post("runs/create", experiment_id=experiment)
        return str(_field(created, "run", "info", "run_id"))

    def own_model(self, name: str = "own") -> None:
        _field(self.post("registered-models/create", name=name), "registered_model")


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"{API}/{path}"


def _field(response: Response, *names: str) -> object:
    """A field of a response to a preparation, which must not fail; AttemptRefused where it did."""
    if response.status != 200:
        raise PreparationRefused(response)
    value = json.loads(response.text)
    for name in names:
        value = value[name]
    return value


class PreparationRefused(Exception):
    """What an attempt needs first was refused, so that it comes to nothing."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response))
        self.response = response


@dataclass(frozen=True)
class Team:
    uri: str
    guarded_uri: str
    folder: Path
    world: World
    """The ledger, on the guarded server."""
    facts: Facts
    saved: Path = field(repr=False)

    def actor(self, user: str, *, guarded: bool = False) -> Actor:
        return Actor(self.guarded_uri if guarded else self.uri, user, self.facts)

    def state(self) -> Mapping[str, object]:
        """Every row of both databases, and every stored file."""
        rows = {name: dump(self.folder / name) for name in DATABASES}
        artifacts = self.folder / "artifacts"
        files = {
            str(path.relative_to(artifacts)): path.read_bytes()
            for path in sorted(artifacts.rglob("*"))
            if path.is_file()
        }
        return {**rows, "files": files}

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Undo at the end whatever was changed on the server."""
        try:
            yield
        finally:
            for name in DATABASES:
                copy_database(self.saved / name, self.folder / name)
            shutil.rmtree(self.folder / "artifacts")
            shutil.copytree(self.saved / "artifacts", self.folder / "artifacts")

    def save(self) -> None:
        for name in DATABASES:
            copy_database(self.folder / name, self.saved / name)
        shutil.copytree(self.folder / "artifacts", self.saved / "artifacts")


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
            for _ in range(2):
                register_candidate(world.client, experiment=TRAINING_EXPERIMENT)
        with signed_in("promoter"):
            reference, _ = world.evaluate(1)
            world.promote(reference)
            world.client.set_registered_model_alias(CANDIDATES, "staging", "2")
            world.client.set_registered_model_tag(PRODUCTION, "team", "fraud")
        with signed_in(ADMINISTRATOR):
            facts = facts_of(world, parse_reference(reference).run_id)
        saved = folder / "saved"
        saved.mkdir()
        team = Team(uri, guarded_uri, folder, world, facts, saved)
        team.save()
        yield team


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
    )
