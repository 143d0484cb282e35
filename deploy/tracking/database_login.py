"""Logging in to PostgreSQL on Azure with Microsoft Entra ID: no password, and none to keep.

A token takes the place of the password in each new connection of this process, also in MLflow's
own. Source: Microsoft, "Microsoft Entra authentication with Azure Database for PostgreSQL".
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential
from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import OperationalError

from registry.errors import Unreachable, UsageError, first_reason
from registry.storage.client import TIMEOUTS

LOGIN = "FRAUD_TRACKING_DATABASE_LOGIN"
SCOPE = "https://ossrdbms-aad.database.windows.net/.default"


def set_login() -> None:
    """Log in as the variable says, from now on. Raises UsageError for an unknown value."""
    if uses_entra() and not event.contains(Engine, "do_connect", _give_token):
        event.listen(Engine, "do_connect", _give_token)


def uses_entra() -> bool:
    """Whether tokens are used. Raises UsageError for an unknown value of the variable."""
    login = os.environ.get(LOGIN, "password")
    if login not in ("password", "entra"):
        raise UsageError(f"{LOGIN} must be password or entra")
    return login == "entra"


def new_token() -> str:
    """A token for a connection that begins now: it is checked once. Raises Unreachable."""
    try:
        return _credential().get_token(SCOPE).token
    except AzureError as error:
        raise Unreachable(f"no token for the database: {first_reason(error)}") from None


@cache
def _credential() -> TokenCredential:
    return DefaultAzureCredential(**TIMEOUTS)  # it keeps tokens, and renews them before they end


def _give_token(dialect: Dialect, _: Any, __: Any, parameters: dict[str, Any]) -> None:
    if dialect.name != "postgresql" or not uses_entra():
        return
    try:
        parameters["password"] = new_token()
    except Unreachable as error:  # as where the database itself refuses
        raise OperationalError("", {}, error) from None
