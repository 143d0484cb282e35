"""Signing in to Azure Database for PostgreSQL with Microsoft Entra ID, without a password.

A plugin of SQLAlchemy, so that it also holds for the engines that MLflow makes, in each of its
processes: `postgresql+psycopg2://IDENTITY@HOST:5432/mlflow?sslmode=verify-full&plugin=entra`, with
`sslrootcert`. A server that is not verified would be sent the token.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential
from sqlalchemy import event
from sqlalchemy.engine import URL, CreateEnginePlugin, Engine

from registry.errors import Unreachable, first_reason

PLUGIN = "entra"
SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
TIMEOUTS = {"connection_timeout": 5, "read_timeout": 15, "retry_total": 1}
"""In seconds, and the number of retries: the SDK's defaults are 300 s and up to ten retries."""


@lru_cache(maxsize=1)
def _credential() -> DefaultAzureCredential:
    return DefaultAzureCredential(**TIMEOUTS)


def token() -> str:
    """A token in place of the password; Azure's SDK keeps it, and renews it before it ends.

    Raises Unreachable where Entra ID issues none.
    """
    try:
        return _credential().get_token(SCOPE).token
    except AzureError as error:
        raise Unreachable(
            f"Entra ID issued no token to sign in to the database with: {first_reason(error)}"
        ) from None


class EntraLogin(CreateEnginePlugin):
    """Gives each new connection of an engine a token that is valid."""

    def update_url(self, url: URL) -> URL:
        """The address with the plugin's name, which SQLAlchemy takes out: MLflow's migration makes
        a further engine of an engine's address.
        """
        return url.update_query_dict({"plugin": PLUGIN})

    def engine_created(self, engine: Engine) -> None:
        """Listen for connections."""

        @event.listens_for(engine, "do_connect")
        def sign_in(_dialect: Any, _record: Any, _arguments: Any, settings: dict[str, Any]) -> None:
            settings.pop("plugin", None)  # libpq does not know it
            settings["password"] = token()


def without_plugin(url: URL) -> URL:
    """What other programs than SQLAlchemy take: with a token as its password, or as it was."""
    if url.query.get("plugin") != PLUGIN:
        return url
    return url.difference_update_query(["plugin"]).set(password=token())
