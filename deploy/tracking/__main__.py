"""`python -m deploy.tracking`: migrate the database, and start the tracking server."""

from __future__ import annotations

import sys

import typer

from deploy.tracking.settings import DatabaseSettings, TrackingSettings, read_settings
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
    typer.echo("the database is that of the installed MLflow")


@app.command()
def serve() -> None:
    """Start the server; refuses a database that is not migrated.

    Example: FRAUD_TRACKING_SECRETS=/mnt/secrets FRAUD_TRACKING_HOSTS=mlflow.example.com
    python -m deploy.tracking serve
    """
    settings = read_settings(TrackingSettings)
    from deploy.tracking.serve import serve as become_server  # noqa: PLC0415 (slow)

    become_server(settings)


def main() -> None:
    """Run a command; a RegistryError ends in one line and its exit code."""
    set_client_defaults()
    try:
        app(standalone_mode=True)
    except RegistryError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
