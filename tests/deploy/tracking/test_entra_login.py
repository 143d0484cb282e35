"""The database takes a token of Entra ID where a password would be, for each new connection."""

from __future__ import annotations

import json
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import sqlalchemy
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import make_url

from deploy.local.processes import free_port, run_to_end, tracking_server
from deploy.tracking import entra_login
from deploy.tracking.database import answers, engine_for_checks, open_database
from deploy.tracking.dump import dump
from deploy.tracking.entra_login import without_plugin
from registry.errors import Unreachable
from tests.deploy.tracking.server_secrets import SERVER_SECRETS
from tests.places import REPOSITORY
from tests.postgres import postgresql, reachable_folder

URI = "postgresql+psycopg2://id-tracking@127.0.0.1:1/mlflow?sslmode=require&plugin=entra"


class Credential:
    """Issues its tokens in turn, or raises the error among them."""

    def __init__(self, *tokens: str | Exception) -> None:
        self.tokens, self.scopes = list(tokens), list[str]()

    def get_token(self, scope: str) -> AccessToken:
        self.scopes.append(scope)
        token = self.tokens.pop(0)
        if isinstance(token, Exception):
            raise token
        return AccessToken(token, 0)


@contextmanager
def identity_endpoint(token: str, asked: list[str]) -> Iterator[dict[str, str]]:
    """A managed identity's endpoint, as App Service has it; yields the variables that name it.

    Source: Microsoft, "How to use managed identities for App Service", REST endpoint reference.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query)["resource"][0])
            body = {
                "access_token": token,
                "expires_on": str(int(time.time()) + 3600),
                "resource": asked[-1],
                "token_type": "Bearer",
            }
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield {
                "IDENTITY_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}/token",
                "IDENTITY_HEADER": "header",
                "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
            }
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _plugin() -> Iterator[None]:
    """Known without an installation that is newer than pyproject.toml."""
    plugins.register("entra", "deploy.tracking.entra_login", "EntraLogin")
    yield
    del plugins.impls["entra"]


def use(monkeypatch: pytest.MonkeyPatch, *tokens: str | Exception) -> Credential:
    credential = Credential(*tokens)
    monkeypatch.setattr(entra_login, "_credential", lambda: credential)
    return credential


def test_the_plugin_has_the_name_that_addresses_use() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    assert project["entry-points"]["sqlalchemy.plugins"] == {
        "entra": "deploy.tracking.entra_login:EntraLogin"
    }


def test_each_connection_gets_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    credential = use(monkeypatch, "first token", "second token")
    engine = sqlalchemy.create_engine(URI)
    seen: list[tuple[object, ...]] = []

    def connect(**settings: object) -> None:
        seen.append((settings["user"], settings["password"], "plugin" in settings))
        raise engine.dialect.loaded_dbapi.OperationalError

    monkeypatch.setattr(engine.dialect.loaded_dbapi, "connect", connect)
    for _ in range(2):
        with pytest.raises(sqlalchemy.exc.OperationalError):
            engine.connect()

    assert seen == [("id-tracking", "first token", False), ("id-tracking", "second token", False)]
    assert credential.scopes == ["https://ossrdbms-aad.database.windows.net/.default"] * 2
    # MLflow makes further engines of this one's address.
    assert engine.url.query == {"sslmode": "require", "plugin": "entra"}


def test_without_a_token_the_database_is_unreachable_and_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusal = ClientAuthenticationError("AADSTS700213: no matching federated identity\nTrace: 1")
    use(monkeypatch, refusal, refusal)

    with (
        pytest.raises(Unreachable, match=r"issued no token .*: AADSTS700213: no matching .*y$"),
        open_database(URI),
    ):
        pass
    assert answers(engine_for_checks(URI)) is False


def test_other_programs_get_the_token_as_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "a token")

    url = without_plugin(make_url(URI))

    assert (url.password, dict(url.query)) == ("a token", {"sslmode": "require"})
    plain = make_url("postgresql+psycopg2://mlflow:secret@db:5432/mlflow")
    assert without_plugin(plain) is plain


def test_a_real_database_is_opened_and_dumped(monkeypatch: pytest.MonkeyPatch) -> None:
    with reachable_folder() as folder, postgresql(folder / "log") as postgres:
        use(monkeypatch, *[postgres.password] * 4)
        uri = f"{postgres.uri}?plugin=entra"

        with open_database(uri) as engine, engine.connect() as connection:
            assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
        dump(uri, folder / "database.dump")

        assert Path(folder / "database.dump").read_bytes()[:5] == b"PGDMP"


def test_a_server_without_a_password_migrates_and_starts(tmp_path: Path) -> None:
    asked: list[str] = []
    with (
        postgresql(tmp_path / "postgresql.log") as postgres,
        identity_endpoint(postgres.password, asked) as identity,
    ):
        environment = {
            **identity,
            "MLFLOW_BACKEND_STORE_URI": f"{postgres.uri}?plugin=entra",
            "MLFLOW_ARTIFACTS_DESTINATION": str(tmp_path / "artifacts"),
            **SERVER_SECRETS,
            "MLFLOW_WORKERS": "1",
            "FRAUD_TRACKING_HOSTS": "mlflow.example.com",
        }
        command = [sys.executable, "-m", "deploy.tracking", "migrate"]
        run_to_end(command, tmp_path / "migrate.log", environment)
        port = free_port()
        with tracking_server(port, tmp_path / "tracking.log", environment):
            # Of its own page, behind a gateway: refused for want of a user, and not as another's.
            answers = [
                requests.post(
                    f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/runs/search",
                    json={},
                    headers={"Host": "mlflow.example.com", "Origin": origin},
                    timeout=10,
                ).status_code
                for origin in ("https://mlflow.example.com", "https://evil.example")
            ]

    assert answers == [401, 403]
    assert set(asked) == {"https://ossrdbms-aad.database.windows.net"}
