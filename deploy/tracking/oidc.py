"""Sign-in with Microsoft Entra ID, by the package mlflow-oidc-auth, instead of basic auth.

The package has users, groups and rights of its own: neither our guard nor `rights` works on them.
What it is told and what that means: docs/operations/entra-sign-in.md.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from deploy.tracking.database import one_at_a_time, open_database
from deploy.tracking.settings import DatabaseSettings, ServerSettings, valid_database
from registry.errors import UsageError

AUTH = "FRAUD_TRACKING_AUTH"
PACKAGE = "mlflow_oidc_auth"
_ADDRESS = re.compile(r"https://\S+|http://127\.0\.0\.1(:\d+)?(/\S*)?")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must start with https://")
    return text


Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, Field(min_length=1)]


class UsersSettings(DatabaseSettings):
    """The databases of MLflow and of mlflow-oidc-auth."""

    users: Annotated[SecretStr, AfterValidator(valid_database)] = Field(
        validation_alias="OIDC_USERS_DB_URI",
        description="The database of users, groups, rights and sessions; not MLflow's own",
    )

    @field_validator("users")
    @classmethod
    def _apart(cls, users: SecretStr, info: ValidationInfo) -> SecretStr:
        if users == info.data.get("database"):
            raise ValueError(
                "must name another database than MLFLOW_BACKEND_STORE_URI: some of their tables "
                "have the same names"
            )
        return users


class OidcSettings(UsersSettings, ServerSettings):
    """A server with mlflow-oidc-auth, whose variables these are."""

    discovery: Address = Field(
        validation_alias="OIDC_DISCOVERY_URL",
        description="The issuer's discovery document, "
        "`https://login.microsoftonline.com/TENANT/v2.0/.well-known/openid-configuration`",
    )
    issuer: Address = Field(
        validation_alias="OIDC_ISSUER",
        description="The issuer of tokens, `https://login.microsoftonline.com/TENANT/v2.0`",
    )
    client_id: Name = Field(
        validation_alias="OIDC_CLIENT_ID",
        description="The application's id; tokens for another audience are refused",
    )
    client_secret: SecretStr = Field(
        validation_alias="OIDC_CLIENT_SECRET", min_length=1, description="The application's secret"
    )
    redirect: Address = Field(
        validation_alias="OIDC_REDIRECT_URI",
        description="Where Entra sends the browser back to, `https://mlflow.example.com/callback`",
    )
    user_groups: Name = Field(
        validation_alias="OIDC_GROUP_NAME",
        description="Groups whose members may sign in, separated by commas",
    )
    admin_groups: Name = Field(
        validation_alias="OIDC_ADMIN_GROUP_NAME",
        description="Groups whose members are administrators, separated by commas",
    )


def uses_oidc() -> bool:
    """Whether users sign in with OpenID Connect. Raises UsageError for an unknown setting."""
    auth = os.environ.get(AUTH, "basic")
    if auth not in ("basic", "oidc"):
        raise UsageError(f"{AUTH} must be basic or oidc")
    return auth == "oidc"


def oidc_environment(settings: OidcSettings) -> dict[str, str]:
    """The variables of mlflow-oidc-auth. Raises UsageError where it is not installed."""
    _require_package()
    return {
        AUTH: "oidc",
        "SECRET_KEY": settings.session_key.get_secret_value(),
        "SESSION_COOKIE_SECURE": str(settings.redirect.startswith("https://")).lower(),
        "OIDC_USERS_DB_URI": settings.users.get_secret_value(),
        "OIDC_DISCOVERY_URL": settings.discovery,
        "OIDC_ISSUER": settings.issuer,
        "OIDC_CLIENT_ID": settings.client_id,
        "OIDC_CLIENT_SECRET": settings.client_secret.get_secret_value(),
        "OIDC_AUDIENCE": settings.client_id,
        "OIDC_REDIRECT_URI": settings.redirect,
        "OIDC_GROUP_NAME": settings.user_groups,
        "OIDC_ADMIN_GROUP_NAME": settings.admin_groups,
        # Whoever may change an address or a name in the directory would else become its owner
        # here. Tokens of workloads have this claim too, and no address.
        "OIDC_USERNAME_FIELD": "oid",
        # Users and workloads that send a token exist from the first one on, without rights.
        "OIDC_PROVISION_ON_BEARER_AUTH": "true",
        "OIDC_TRUST_BEARER_GROUP_CLAIMS": "false",
        "DEFAULT_MLFLOW_PERMISSION": "NO_PERMISSIONS",
        "RESTRICT_RESOURCE_CREATION": "true",
        "AUTOMATIC_LOGIN_REDIRECT": "true",
        "DEFAULT_LANDING_PAGE_IS_PERMISSIONS": "false",
    }


def migrate_users(settings: UsersSettings) -> None:
    """Make or upgrade the tables of users. Raises UsageError without mlflow-oidc-auth, and what
    `open_database` raises.
    """
    _require_package()
    with open_database(settings.users.get_secret_value()) as engine, one_at_a_time(engine):
        import_module(f"{PACKAGE}.db.utils").migrate(engine, "head")


def _require_package() -> None:
    if find_spec(PACKAGE) is None:
        raise UsageError(
            f"{AUTH}=oidc needs mlflow-oidc-auth: pip install --no-deps --require-hashes "
            "-r requirements/oidc.txt"
        )
