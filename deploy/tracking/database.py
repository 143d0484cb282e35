"""The database of the tracking server: opened with timeouts, and asked whether it answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils as tracking
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from registry.errors import RegistryError, Unreachable, on_one_line

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 5


def set_timeouts() -> None:
    """Bound each connection of libpq, also MLflow's own; unless the environment says otherwise."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_SECONDS))


@contextmanager
def open_database(uri: str) -> Iterator[Engine]:
    """An engine without a pool. Raises Unreachable, without the address: it may hold a password.

    Only the first connection is tried; later failures are SQLAlchemyErrors.
    """
    set_timeouts()
    engine = sqlalchemy.create_engine(uri, poolclass=NullPool)
    try:
        with engine.connect():
            pass
        yield engine
    except OperationalError as error:
        raise Unreachable(f"the database does not answer: {reason_of(error)}") from None
    finally:
        engine.dispose()


def require_current(uri: str) -> None:
    """Raises RegistryError unless the tables are those of the installed MLflow, and Unreachable."""
    with open_database(uri) as engine:
        try:
            tracking._verify_schema(engine)  # type: ignore[no-untyped-call]
            is_current = sqlalchemy.inspect(engine).has_table("alembic_version_auth")
        except MlflowException:
            is_current = False
    if not is_current:
        raise RegistryError(
            "the database is not that of the installed MLflow; run "
            "`python -m deploy.tracking migrate` once, after a backup"
        )


def answers(engine: Engine) -> bool:
    """Whether the database answers a query, within seconds."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                limit = STATEMENT_SECONDS * 1000
                connection.execute(sqlalchemy.text(f"SET statement_timeout = {limit}"))
            connection.execute(sqlalchemy.text("SELECT 1"))
    except sqlalchemy.exc.SQLAlchemyError:
        return False
    return True


def reason_of(error: Exception) -> str:
    """The first line of what the driver says; it names host, port and user, and no password."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return on_one_line(lines[0] if lines else type(error).__name__)[:300]
