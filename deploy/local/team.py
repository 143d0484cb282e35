"""`make team`: the set-up of a team on one machine, with the parts that it has on Azure.

PostgreSQL, Azurite behind Azure's host names, Redis, and the tracking server with users and rights.
"""

from __future__ import annotations

import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from cryptography.fernet import Fernet

from deploy.local.azure import LocalAzure, local_azure
from deploy.local.postgres import Postgres, postgres_server
from deploy.local.processes import (
    NotStarted,
    port_in_use,
    run_to_end,
    tracking_server,
)
from deploy.local.redis_server import RedisServer, redis_server
from deploy.local.restartable import Restartable
from deploy.secret_file import write_secret
from deploy.tracking.roles import ROLES

REPOSITORY = Path(__file__).resolve().parents[2]
CONTAINERS = ("mlflow", "evidence", "records", "data")
ADMIN = "admin"


class Team:
    """A running set-up: where its parts are, and the environment of each role."""

    def __init__(
        self, folder: Path, port: int, postgres: Postgres, azure: LocalAzure, redis: RedisServer
    ) -> None:
        self.folder, self.port = folder, port
        self.postgres, self.azure, self.redis = postgres, azure, redis
        self.tracking_uri = f"http://127.0.0.1:{port}"
        self.log = folder / "tracking.log"
        self.server = Restartable(lambda: self.tracking_server(port))

    def environment(self, role: str) -> dict[str, str]:
        """The variables with which a role, or `admin`, uses the tracking server and the storage."""
        file = "MLFLOW_AUTH_ADMIN_PASSWORD" if role == ADMIN else f"users/{role}"
        return {
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "MLFLOW_TRACKING_USERNAME": role,
            "MLFLOW_TRACKING_PASSWORD": (self.folder / "secrets" / file).read_text(),
            **self.azure.environment,
        }

    def server_environment(self) -> dict[str, str]:
        """The variables of `python -m deploy.tracking`."""
        return {
            "FRAUD_TRACKING_SECRETS": str(self.folder / "secrets"),
            "MLFLOW_BACKEND_STORE_URI": self.postgres.uri,
            "PGPASSWORD": self.postgres.password,
            "MLFLOW_ARTIFACTS_DESTINATION": self.azure.address("mlflow"),
            "MLFLOW_WORKERS": "1",
            **self.azure.environment,
        }

    @contextmanager
    def tracking_server(self, port: int) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server at a port until the end of the block; the database is migrated before."""
        with tracking_server(port, self.log, self.server_environment()) as process:
            yield process


@contextmanager
def team(folder: Path, port: int) -> Iterator[Team]:
    """Start everything, with its files in `folder`; what is there already is used again.

    Raises NotStarted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _make_secrets(folder / "secrets")
    with ExitStack() as stack:
        log = folder / "postgresql.log"
        postgres = stack.enter_context(postgres_server(folder / "postgresql", log))
        azure = stack.enter_context(local_azure(folder / "azure", CONTAINERS))
        redis = stack.enter_context(redis_server(folder / "redis", "--appendonly", "yes"))
        started = Team(folder, port, postgres, azure, redis)
        migrate = [sys.executable, "-m", "deploy.tracking", "migrate"]
        run_to_end(migrate, folder / "migrate.log", started.server_environment())
        stack.callback(started.server.stop)
        started.server.start()
        rights = [sys.executable, "-m", "deploy.tracking.rights"]
        rights += ["--passwords", str(folder / "secrets" / "users")]
        rights += ["--evidence-root", azure.address("evidence")]
        run_to_end(rights, folder / "rights.log", started.environment(ADMIN))
        yield started


def _make_secrets(folder: Path) -> None:
    """Keys and passwords, one file each; those that exist are kept."""
    users = folder / "users"
    users.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    new = {
        folder / "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
        folder / "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        folder / "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_urlsafe(16),
        **{users / role: secrets.token_urlsafe(16) for role in ROLES},
    }
    for file, content in new.items():
        if not file.exists():
            write_secret(file, content)


def main(
    folder: Annotated[Path, typer.Option(help="Folder for all files.")] = Path(".local/team"),
    mlflow_port: Annotated[int, typer.Option(envvar="MLFLOW_PORT")] = 5000,
) -> None:
    """Start a team's set-up on this machine: PostgreSQL, Azurite, Redis and a tracking server with
    users and rights. It runs until Ctrl-C; its data are there again at the next start.

    Example: make team ARGS="--mlflow-port 5001"
    """
    if port_in_use(mlflow_port):
        raise NotStarted(f"port {mlflow_port} is in use; choose another with --mlflow-port")
    with team((REPOSITORY / folder).absolute(), mlflow_port) as started:
        _print_addresses(started)
        while True:
            time.sleep(3600)


def _print_addresses(started: Team) -> None:
    for name, address in {
        "MLflow": f"{started.tracking_uri} (user {ADMIN}, password in "
        f"{started.folder / 'secrets' / 'MLFLOW_AUTH_ADMIN_PASSWORD'})",
        "PostgreSQL": f"127.0.0.1:{started.postgres.port}",
        "Storage": started.azure.address("CONTAINER")
        + f" by {started.azure.environment['HTTPS_PROXY']}",
        "Redis": started.redis.url,
    }.items():
        print(f"  {name:<11}{address}")
    print("The environment of each role, and of the server (for `make backup`):")
    environments = {role: started.environment(role) for role in (*ROLES, ADMIN)}
    for role, environment in {**environments, "server": started.server_environment()}.items():
        file = started.folder / f"{role}.env"
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        write_secret(file, "".join(lines))
        print(f"  . {shlex.quote(str(file))}")
    print("Press Ctrl-C to stop", flush=True)


def _raise_keyboard_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _raise_keyboard_interrupt)
    try:
        typer.run(main)
    except NotStarted as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
