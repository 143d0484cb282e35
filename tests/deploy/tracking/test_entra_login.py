"""The database takes a token of Entra ID where a password would be, for each new connection."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import make_url

from deploy.tracking import entra_login
from deploy.tracking.database import answers, engine_for_checks, open_database
from deploy.tracking.dump import dump
from deploy.tracking.entra_login import without_plugin
from registry.errors import Unreachable
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
