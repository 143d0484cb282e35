"""Migrate: make or upgrade the tables of the tracking server and of its users.

A step of its own, before servers start: two servers that find an empty database crash in MLflow's
migration. With PostgreSQL, a lock makes a second migration wait for the first.
"""

from __future__ import annotations

from alembic.util.exc import CommandError
from mlflow import db
from mlflow.exceptions import MlflowException
from mlflow.server.auth.db import utils as users
from sqlalchemy.exc import SQLAlchemyError

from deploy.tracking.database import one_at_a_time, open_database, reason_of
from registry.errors import RegistryError


def migrate(uri: str) -> None:
    """Bring the database at `uri` to the installed MLflow's version; does nothing where it is.

    Raises Unreachable where the database does not answer, and RegistryError where it cannot be
    migrated, such as after a newer MLflow.
    """
    with open_database(uri) as engine, one_at_a_time(engine):
        try:
            db.upgrade.main([uri], standalone_mode=False)
            users.migrate(engine, "head")
        except (MlflowException, SQLAlchemyError) as error:
            raise RegistryError(f"the database cannot be migrated: {reason_of(error)}") from None
        except CommandError as error:  # it does not know the revision
            raise RegistryError(
                f"the database is of another MLflow: {reason_of(error)}; restore a backup, or "
                "install the version that made it"
            ) from None
