"""`python -m deploy.tracking`: migrate the database, start the server, back it up, restore it."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.tracking.oidc import OidcSettings, UsersSettings, migrate_users, uses_oidc
from deploy.tracking.settings import (
    DatabaseSettings,
    StoreSettings,
    TrackingSettings,
    read_settings,
)
from registry.errors import RegistryError
from registry.tracking.client_settings import set_client_defaults

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The tracking server as a team runs it. Settings are environment variables, or files of "
    "these names in the folder FRAUD_TRACKING_SECRETS: docs/operations/tracking.md.",
)


@app.command()
def migrate() -> None:
    """Make or upgrade the tables, once, before servers start; harmless when repeated.

    Example: MLFLOW_BACKEND_STORE_URI=postgresql+psycopg2://mlflow@db/mlflow
    python -m deploy.tracking migrate
    """
    settings = read_settings(DatabaseSettings)
    from deploy.tracking.migrate import migrate as migrate_database  # noqa: PLC0415 (slow)

    migrate_database(settings.database.get_secret_value())
    if uses_oidc():
        migrate_users(read_settings(UsersSettings))
    typer.echo("the database is that of the installed MLflow")


@app.command()
def serve() -> None:
    """Start the server; refuses a database that is not migrated.

    FRAUD_TRACKING_AUTH=oidc: users sign in with Entra ID (docs/operations/entra-sign-in.md).

    Example: FRAUD_TRACKING_SECRETS=/mnt/secrets FRAUD_TRACKING_HOSTS=mlflow.example.com
    python -m deploy.tracking serve
    """
    settings = read_settings(OidcSettings) if uses_oidc() else read_settings(TrackingSettings)
    from deploy.tracking.serve import serve as become_server  # noqa: PLC0415 (slow)

    become_server(settings)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Folder of all backups.")] = Path("backups"),
) -> None:
    """Back up the database and all artifacts, consistent with each other, while servers run.

    Contents that an earlier backup in the folder holds are not copied again.

    Example: python -m deploy.tracking backup /mnt/backups
    """
    settings = read_settings(StoreSettings)
    from deploy.tracking import backup as backups  # noqa: PLC0415 (slow)

    uri = settings.database.get_secret_value()
    made = backups.backup(uri, settings.artifacts, folder, datetime.now(UTC))
    typer.echo(str(made))


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="Folder of one backup.")],
) -> None:
    """Load a backup into an empty database, and put back the files that are missing.

    With FRAUD_LEDGER_CONFIG, the ledger is verified then: a server is started on a free port of
    this machine, and `registry verify` reads it as the administrator.

    Example: FRAUD_LEDGER_CONFIG=ledger.yaml python -m deploy.tracking restore
    /mnt/backups/2026-11-28T091300Z
    """
    ledger = os.environ.get("FRAUD_LEDGER_CONFIG", "")
    settings = read_settings(TrackingSettings if ledger else StoreSettings)
    from deploy.tracking import backup as backups  # noqa: PLC0415 (slow)
    from deploy.tracking.migrate import migrate as migrate_database  # noqa: PLC0415
    from deploy.tracking.verify import verify_restored  # noqa: PLC0415

    uri = settings.database.get_secret_value()
    count = backups.restore(uri, settings.artifacts, source)
    typer.echo(f"the database and {count:,} files are restored")
    if isinstance(settings, TrackingSettings):
        migrate_database(uri)  # it may be of an earlier MLflow
        verify_restored(settings)
    else:
        typer.echo("start the server, and run `python -m registry verify`")


def main() -> None:
    """Run a command; a RegistryError or OSError ends in one line and its exit code."""
    set_client_defaults()
    try:
        app(standalone_mode=True)
    except (RegistryError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 2))


if __name__ == "__main__":
    main()
