"""Migrate: make or upgrade the tables of the tracking server and of its users.

A step of its own, before servers start: two servers that find an empty database crash in MLflow's
migration. With PostgreSQL, a lock makes a second migration wait for the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from alembic.util.exc import CommandError
from mlflow import db
from mlflow.exceptions import MlflowException
from mlflow.server.auth.db import utils as users
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from deploy.tracking.database import open_database, reason_of
from registry.errors import RegistryError

LOCK_SECONDS = 600
_LOCK = 0x6672617564
"""The number of the lock (the letters `fraud`): any will do that all migrations share."""


def migrate(uri: str) -> None:
    """Bring the database at `uri` to the installed MLflow's version; does nothing where it is.

    Raises Unreachable where the database does not answer, and RegistryError where it cannot be
    migrated, such as after a newer MLflow.
    """
    with open_database(uri) as engine, _one_at_a_time(engine):
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


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({_LOCK})"))
        yield
