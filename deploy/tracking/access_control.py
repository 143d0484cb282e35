"""MLflow's users, roles and grants, over the REST API of its basic auth.

Not with MLflow's own client of that API: its import starts the server's part, with its database.
Nothing is sent twice: whoever does not know whether a change was made runs the command again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import requests
from pydantic import BaseModel, ValidationError

from registry.errors import NotFound, Unreachable, UsageError, on_one_line
from registry.tracking.connection import RefusedByServer
from registry.tracking.credentials import read_access
from registry.tracking.rest import API, Registry

RIGHTS_API = "/api/3.0/mlflow"
WORKSPACE = "default"
"""Where all resources are on a server without workspaces."""

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Parsed = TypeVar("Parsed", bound=BaseModel)


class Permission(BaseModel):
    """A grant as the server has it; of an experiment, `resource_pattern` is the id."""

    id: int
    resource_type: str
    resource_pattern: str
    permission: str


class Role(BaseModel):
    id: int
    name: str
    workspace: str
    permissions: list[Permission] = []


class User(BaseModel):
    username: str
    is_admin: bool
    roles: list[Role] = []


class _Users(BaseModel):
    users: list[User]


class _Roles(BaseModel):
    roles: list[Role]


class Experiment(BaseModel):
    experiment_id: str
    artifact_location: str
    lifecycle_stage: str = "active"


class _Current(BaseModel):
    user: User


class _Found(BaseModel):
    experiment: Experiment


class AccessControl:
    """A tracking server with basic auth, as its administrator changes it."""

    def __init__(self, uri: str | None) -> None:
        """Nothing is sent yet. The credentials are those of MLflow's environment variables.

        Raises UsageError for anything but an http(s) address, and as `read_access` does.
        """
        self.uri = Registry(uri).uri.rstrip("/")
        access = read_access()
        self._timeout_seconds = access.http_request_timeout
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, and no password from ~/.netrc
        self._session.headers.update(access.headers())
        self._session.verify = access.tracking_server_cert_path or not access.tracking_insecure_tls
        self._session.cert = access.tracking_client_cert_path or None

    def require_administrator(self) -> str:
        """The name of the user that this is; raises UsageError for all but an administrator."""
        try:
            user = self.read(_Current, f"{API}/users/current", "signing in").user
        except RefusedByServer as error:
            if error.status == 404:
                raise UsageError(
                    f"{self.uri} has no basic auth; start it with `--app-name basic-auth`"
                ) from error
            if error.status == 401:
                raise UsageError(
                    "the server does not accept MLFLOW_TRACKING_USERNAME with "
                    "MLFLOW_TRACKING_PASSWORD: set those of the administrator"
                ) from error
            raise
        if not user.is_admin:
            raise UsageError(f"{user.username} is no administrator of {self.uri}; sign in as one")
        return user.username

    def accepts(self, username: str, password: str) -> bool:
        """Whether this password signs this user in. Raises Unreachable."""
        path, what = f"{API}/users/current", f"signing in as {username}"
        try:
            self.send("GET", path, what, auth=(username, password))
        except RefusedByServer as error:
            if error.status != 401:
                raise
            return False
        return True

    def users(self) -> list[User]:
        """All users with their roles. Raises Unreachable."""
        return self.read(_Users, f"{API}/users/list", "listing the users").users

    def roles(self) -> list[Role]:
        """All roles, also those that hold the rights of one user. Raises Unreachable."""
        return self.read(_Roles, f"{RIGHTS_API}/roles/list", "listing the roles").roles

    def experiment(self, name: str) -> Experiment | None:
        """The experiment of this name, if there is one.

        Raises NotFound for one that was deleted, and Unreachable.
        """
        path, query = f"{API}/experiments/get-by-name", {"experiment_name": name}
        with _suppress_not_found():
            found = self.read(_Found, path, f"looking for experiment {name}", query).experiment
            if found.lifecycle_stage != "active":
                raise NotFound(f"experiment {name} was deleted; restore it in MLflow")
            return found
        return None

    def has_model(self, name: str) -> bool:
        """Whether there is such a registered model. Raises Unreachable."""
        with _suppress_not_found():
            path, what = f"{API}/registered-models/get", f"looking for registered model {name}"
            self.send("GET", path, what, {"name": name})
            return True
        return False

    def read(
        self,
        model: type[Parsed],
        path: str,
        what: str,
        query: Mapping[str, str] | None = None,
    ) -> Parsed:
        """The response to a GET request, as `model`. Raises as `send` does."""
        try:
            return model.model_validate(self.send("GET", path, what, query))
        except ValidationError as error:
            raise Unreachable(f"{what}: not an MLflow response") from error

    def send(
        self,
        method: Method,
        path: str,
        what: str,
        values: Mapping[str, object] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        """The response to one request; `values` are its query, or else its JSON body.

        Raises Unreachable, whose message starts with `what`; RefusedByServer for another status
        than 200.
        """
        sent: dict[str, Any] = {"params" if method == "GET" else "json": values}
        try:
            response = self._session.request(
                method, self.uri + path, auth=auth, timeout=self._timeout_seconds, **sent
            )
        except requests.RequestException as error:
            raise Unreachable(
                f"{what}: no response from {self.uri} ({type(error).__name__})"
            ) from error
        if response.status_code != 200:
            raise RefusedByServer(f"{what}: {_refusal(response)}", response.status_code)
        return _parsed(response, what)


@contextmanager
def _suppress_not_found() -> Iterator[None]:
    try:
        yield
    except RefusedByServer as error:
        if error.status != 404:
            raise


def _refusal(response: requests.Response) -> str:
    """The HTTP status, with MLflow's own message where the body holds one."""
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = response.reason
    return on_one_line(f"HTTP {response.status_code}: {message.split(chr(10), 1)[0][:300]}")


def _parsed(response: requests.Response, what: str) -> dict[str, Any]:
    try:
        parsed = response.json() if response.content else {}
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Unreachable(f"{what}: not an MLflow response")
    return parsed
