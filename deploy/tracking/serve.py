"""Serve: start MLflow's server in place of this process, with nothing left at an unsafe default."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from deploy.secret_file import write_secret
from deploy.tracking.database import require_current
from deploy.tracking.hosts import allowed_hosts, allowed_origins
from deploy.tracking.oidc import OidcSettings, oidc_environment
from deploy.tracking.settings import ServerSettings, TrackingSettings

APP = "fraud-tracking"
DEFAULT_PERMISSION = "NO_PERMISSIONS"
_FOLDER = "fraud-tracking-"
PASSWORD_CACHE_SECONDS = 60
"""For so long, a process may still accept a password that another one changed. Without it, each
request hashes its password up to four times, and an upload of evidence takes half a minute."""


def serve(settings: TrackingSettings | OidcSettings, folder: Path | None = None) -> NoReturn:
    """Become the server; its temporary files are in `folder`, by default a new one.

    Raises RegistryError unless the database is migrated, and Unreachable.
    """
    require_current(settings.database.get_secret_value())
    folder = folder or new_folder()
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **server_environment(settings, folder)}
    command = server_command(settings)
    os.execve(command[0], command, environment)  # noqa: S606 (no shell is meant)


def new_folder() -> Path:
    """A new temporary folder, named by this process, which the server takes over.

    It holds secrets, and the server cannot delete it: those of servers that have ended are deleted.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}[1-9]*-*"):
        process = int(left.name.removeprefix(_FOLDER).partition("-")[0])
        if process == os.getpid() or not _runs(process):
            shutil.rmtree(left, ignore_errors=True)  # another user's stay
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def server_command(settings: ServerSettings) -> list[str]:
    """Without secrets: every process of the machine could read them."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", APP),
        *("--host", settings.host, "--port", str(settings.port)),
        *("--workers", str(settings.workers)),
    ]


def server_environment(settings: TrackingSettings | OidcSettings, folder: Path) -> dict[str, str]:
    """The environment variables of the server; writes the configuration of its users.

    Raises UsageError where mlflow-oidc-auth is to be used, and is not installed.
    """
    if isinstance(settings, OidcSettings):
        sign_in = oidc_environment(settings)
    else:
        sign_in = _basic_auth(settings, folder / "users.ini")
    metrics = folder / "metrics"
    metrics.mkdir(exist_ok=True)
    return {
        "MLFLOW_BACKEND_STORE_URI": settings.database.get_secret_value(),
        "MLFLOW_ARTIFACTS_DESTINATION": settings.artifacts,
        "MLFLOW_SERVE_ARTIFACTS": "true",
        "MLFLOW_EXPOSE_PROMETHEUS": str(metrics),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.session_key.get_secret_value(),
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": settings.webhook_key.get_secret_value(),
        "MLFLOW_SERVER_ALLOWED_HOSTS": allowed_hosts(settings),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": allowed_origins(settings),
        # Background jobs would take 2.5 GB of memory, and nothing here uses them.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # From MLflow 3.18 on.
        "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **sign_in,
    }


def _basic_auth(settings: TrackingSettings, users: Path) -> dict[str, str]:
    write_secret(users, _users(settings))
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(users),
        "MLFLOW_AUTH_ADMIN_USERNAME": settings.admin,
        "MLFLOW_AUTH_ADMIN_PASSWORD": settings.admin_password.get_secret_value(),
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
    }


def _users(settings: TrackingSettings) -> str:
    uri = settings.database.get_secret_value().replace("%", "%%")
    return (
        "[mlflow]\n"
        f"default_permission = {DEFAULT_PERMISSION}\n"
        f"database_uri = {uri}\n"
        "authorization_function = deploy.tracking.guard:authenticate\n"
        f"auth_cache_ttl_seconds = {PASSWORD_CACHE_SECONDS}\n"
    )
