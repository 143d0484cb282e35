"""`mlflow`, whose connections to the database log in as `database_login` says."""

from __future__ import annotations

from mlflow.cli import cli

from deploy.tracking.database_login import set_login

if __name__ == "__main__":
    set_login()
    cli()
