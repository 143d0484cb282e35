"""What the tracking server is told: environment variables, or files of secrets of the same names.

The variables are MLflow's own wherever it has one.
"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from cryptography.fernet import Fernet
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from registry.errors import UsageError, first_error

SECRETS_FOLDER = "FRAUD_TRACKING_SECRETS"
MIN_KEY_LENGTH = 32
MIN_PASSWORD_LENGTH = 12
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?")
_ARTIFACTS = ("wasbs://", "/", "./", "file://")


def valid_database(secret: SecretStr) -> SecretStr:
    """The address of a database, unchanged. Raises ValueError, without the secret."""
    try:
        backend = make_url(secret.get_secret_value()).get_backend_name()
    except ArgumentError:
        backend = ""
    if backend not in ("postgresql", "sqlite"):
        raise ValueError("must be such as postgresql+psycopg2://mlflow@host:5432/mlflow")
    return secret


def _long(secret: SecretStr, min_length: int) -> SecretStr:
    if len(secret.get_secret_value()) < min_length:
        raise ValueError(f"must have at least {min_length} characters")
    return secret


Key = Annotated[SecretStr, AfterValidator(partial(_long, min_length=MIN_KEY_LENGTH))]
Password = Annotated[SecretStr, AfterValidator(partial(_long, min_length=MIN_PASSWORD_LENGTH))]


def _fernet_key(secret: SecretStr) -> SecretStr:
    try:
        Fernet(secret.get_secret_value())
    except ValueError:
        raise ValueError(
            "must be 32 bytes in URL-safe Base64, as Fernet.generate_key() makes"
        ) from None
    return secret


def _artifacts(address: str) -> str:
    if not address.startswith(_ARTIFACTS):
        raise ValueError(
            "must be such as wasbs://mlflow@ACCOUNT.blob.core.windows.net, or a folder"
        )
    return address


def _hosts(text: str) -> str:
    for name in filter(None, text.split(",")):
        if not _HOST.fullmatch(name.strip()):
            raise ValueError(
                f"{name.strip()!r} is no host name; wildcards would let other names pass"
            )
    return text


class DatabaseSettings(BaseSettings):
    """The database alone, which is all that a migration needs."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, extra="ignore")

    database: Annotated[SecretStr, AfterValidator(valid_database)] = Field(
        validation_alias="MLFLOW_BACKEND_STORE_URI",
        description="The database, of MLflow's tables and of its users: "
        "`postgresql+psycopg2://USER@HOST:5432/DATABASE`; the password in PGPASSWORD or PGPASSFILE",
    )


class StoreSettings(DatabaseSettings):
    """The database and the artifacts, which are what a backup holds."""

    artifacts: Annotated[str, AfterValidator(_artifacts)] = Field(
        validation_alias="MLFLOW_ARTIFACTS_DESTINATION",
        description="Where the files of runs are kept, which the server proxies: "
        "`wasbs://CONTAINER@ACCOUNT.blob.core.windows.net`, or a folder",
    )


class ServerSettings(StoreSettings):
    """What a server needs, however its users sign in; each field's alias names its variable."""

    session_key: Annotated[SecretStr, AfterValidator(partial(_long, min_length=MIN_KEY_LENGTH))] = (
        Field(
            validation_alias="MLFLOW_FLASK_SERVER_SECRET_KEY",
            description="Key of the forms of MLflow's pages, the same for all servers",
        )
    )
    webhook_key: Annotated[SecretStr, AfterValidator(_fernet_key)] = Field(
        validation_alias="MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
        description="Key that encrypts the secrets of webhooks in the database, the same for all "
        "servers; a Fernet key",
    )
    hosts: Annotated[str, AfterValidator(_hosts)] = Field(
        default="",
        validation_alias="FRAUD_TRACKING_HOSTS",
        description="Names under which clients reach the server, separated by commas, such as "
        "`mlflow.example.com,mlflow.fraud.svc`; other names are refused",
    )
    pod_ip: str = Field(
        default="",
        validation_alias="POD_IP",
        description="The pod's address, by which Prometheus and probes reach it",
    )
    host: str = Field(
        default="127.0.0.1", validation_alias="MLFLOW_HOST", description="Address to listen on"
    )
    port: int = Field(
        default=5000,
        ge=1,
        le=65535,
        validation_alias="MLFLOW_PORT",
        description="Port to listen on",
    )
    workers: int = Field(
        default=2, ge=1, le=64, validation_alias="MLFLOW_WORKERS", description="Number of processes"
    )


class TrackingSettings(ServerSettings):
    """A server with MLflow's basic auth."""

    admin: str = Field(
        default="admin",
        validation_alias="MLFLOW_AUTH_ADMIN_USERNAME",
        description="Name of the administrator, whom the first start creates",
    )
    admin_password: Annotated[
        SecretStr, AfterValidator(partial(_long, min_length=MIN_PASSWORD_LENGTH))
    ] = Field(
        validation_alias="MLFLOW_AUTH_ADMIN_PASSWORD",
        description="The administrator's first password; later starts do not change it",
    )


Kind = TypeVar("Kind", bound=DatabaseSettings)


def read_settings(kind: type[Kind]) -> Kind:
    """The settings; a file in the folder FRAUD_TRACKING_SECRETS stands for the variable of its
    name. Raises UsageError that names the first invalid one, never its value.
    """
    folder = os.environ.get(SECRETS_FOLDER)
    if folder and not Path(folder).is_dir():
        raise UsageError(f"{SECRETS_FOLDER}: {folder} is not a folder")
    try:
        return kind(_secrets_dir=folder or None)
    except SettingsError as error:
        raise UsageError(f"{SECRETS_FOLDER}: {error}") from None
    except ValidationError as error:
        first = first_error(error)
        raise UsageError(f"{first.location[0]}: {first.message}") from None
