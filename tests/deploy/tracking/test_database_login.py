"""Tokens of Entra ID take the place of the database's password, in every process of the server."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.local.postgres import Postgres
from deploy.local.processes import free_port, run_to_end, status_of, tracking_server
from deploy.tracking import database_login
from deploy.tracking.database_login import LOGIN, uses_entra
from deploy.tracking.dump import dump
from registry.errors import Unreachable, UsageError
from tests.postgres import needs_postgresql, postgresql


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
def another_credential() -> Iterator[None]:
    """No test has the tokens of another one."""
    database_login._credential.cache_clear()
    yield
    database_login._credential.cache_clear()


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    needs_postgresql()
    with postgresql(tmp_path / "postgresql.log") as running:
        yield running


def test_a_server_without_a_password_migrates_starts_and_is_dumped(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with identity_endpoint(postgres.password, asked) as identity:
        environment = {
            **identity,
            LOGIN: "entra",
            "MLFLOW_BACKEND_STORE_URI": postgres.uri,
            "MLFLOW_ARTIFACTS_DESTINATION": str(tmp_path / "artifacts"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret" * 6,
            "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "A" * 43 + "=",
            "MLFLOW_AUTH_ADMIN_PASSWORD": "secret" * 3,
            "MLFLOW_WORKERS": "1",
        }
        command = [sys.executable, "-m", "deploy.tracking", "migrate"]
        run_to_end(command, tmp_path / "migrate.log", environment)
        port = free_port()
        with tracking_server(port, tmp_path / "tracking.log", environment):
            refused = status_of(f"http://127.0.0.1:{port}/api/2.0/mlflow/users/get?username=admin")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        dump(postgres.uri, tmp_path / "dump")

    assert refused == 401
    assert set(asked) == {"https://ossrdbms-aad.database.windows.net"}
    assert (tmp_path / "dump").read_bytes()[:5] == b"PGDMP"


def test_an_identity_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOGIN, "entra")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")

    with pytest.raises(Unreachable, match="no token for the database: EnvironmentCredential"):
        dump("postgresql+psycopg2://mlflow@127.0.0.1:1/mlflow", tmp_path / "dump")


def test_a_login_that_is_unknown_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOGIN, raising=False)
    assert not uses_entra()
    monkeypatch.setenv(LOGIN, "kerberos")

    with pytest.raises(UsageError, match="FRAUD_TRACKING_DATABASE_LOGIN must be password or entra"):
        uses_entra()
