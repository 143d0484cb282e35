"""A user of the tracking server, who sends requests exactly as they are written."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

ANONYMOUS = ""
API = "/api/2.0/mlflow"
RIGHTS = "/api/3.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


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
    """The folder of the files that Production resolves to."""
    disk: Path
    """The server's folder, which holds its artifact store."""


@dataclass(frozen=True)
class Actor:
    """One user of one of the servers, who sends requests exactly as written."""

    uri: str
    user: str
    facts: Facts
    run: str = ""
    """A run of the actor's own, where an attempt needs one."""

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

    def get(self, path: str, /, **query: str) -> Response:
        return self.send("GET", f"{_absolute(path)}?{urlencode(query)}")

    def post(self, path: str, /, **values: object) -> Response:
        return self.change("POST", path, **values)

    def change(self, method: str, path: str, /, **values: object) -> Response:
        return self.send(method, _absolute(path), json.dumps(values).encode())

    def put(self, path: str, content: bytes = b"evil") -> Response:
        return self.send("PUT", f"{PROXY}/{path}", content, "application/octet-stream")

    def with_experiment(self, **values: object) -> Actor:
        """The actor with a run in a new experiment, of which MLflow makes its creator the owner."""
        created = self.post("experiments/create", name=f"of {self.user}", **values)
        return self.with_run(str(_field(created, "experiment_id")))

    def with_run(self, experiment: str) -> Actor:
        created = self.post("runs/create", experiment_id=experiment)
        return replace(self, run=str(_field(created, "run", "info", "run_id")))

    def with_model(self) -> Actor:
        """The actor as the owner of a new registered model, `own_model`."""
        created = self.post("registered-models/create", name=self.own_model)
        _field(created, "registered_model")
        return self

    @property
    def own_model(self) -> str:
        return f"of-{self.user}"


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"{API}/{path}"


def _field(response: Response, *names: str) -> object:
    """A field of the response to a preparation, which must succeed."""
    assert response.status == 200, response
    value = json.loads(response.text)
    for name in names:
        value = value[name]
    return value
