"""The database of the tracking server: opened with timeouts, and asked whether it answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils as tracking
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from registry.errors import RegistryError, Unreachable, on_one_line

CONNECT_SECONDS = 5
CHECK_SECONDS = 2
"""For each of connecting, waiting for bytes, and the statement of a readiness check."""
LOCK_SECONDS = 600
_LOCK = 0x6672617564
"""The number of the lock (the letters `fraud`): any will do that all migrations share."""


def set_timeouts() -> None:
    """Bound each connection of libpq, also MLflow's own; unless the environment says otherwise."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_SECONDS))


@contextmanager
def open_database(uri: str) -> Iterator[Engine]:
    """An engine without a pool. Raises Unreachable where the database does not answer, and
    RegistryError where an operation fails in it, without the address: it may hold a password.
    """
    set_timeouts()
    engine = sqlalchemy.create_engine(uri, poolclass=NullPool)
    try:
        try:
            with engine.connect():
                pass
        except OperationalError as error:
            raise Unreachable(f"the database does not answer: {reason_of(error)}") from None
        yield engine
    except SQLAlchemyError as error:
        raise RegistryError(f"the database failed: {reason_of(error)}") from None
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


@contextmanager
def one_at_a_time(engine: Engine) -> Iterator[None]:
    """With PostgreSQL, wait until no other process migrates. Raises RegistryError after ten
    minutes.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        try:
            connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({_LOCK})"))
        except OperationalError as error:
            raise RegistryError(
                f"another migration has run for {LOCK_SECONDS // 60} minutes: {reason_of(error)}; "
                "look at it before you run this again"
            ) from None
        yield


def engine_for_checks(uri: str) -> Engine:
    """An engine for `answers`, which gives up within five seconds; also where packets are lost."""
    limits: dict[str, object] = {}
    if make_url(uri).get_backend_name() == "postgresql":
        milliseconds = CHECK_SECONDS * 1000
        limits = {
            "connect_timeout": CHECK_SECONDS,
            "tcp_user_timeout": milliseconds,
            "options": f"-c statement_timeout={milliseconds}",
        }
    return sqlalchemy.create_engine(uri, poolclass=NullPool, connect_args=limits)


def answers(engine: Engine) -> bool:
    """Whether the database answers a query."""
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
    except (SQLAlchemyError, Unreachable):  # the latter of Entra ID
        return False
    return True


def reason_of(error: Exception) -> str:
    """The first line of what the driver says; it names host, port and user, and no password."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return on_one_line(lines[0] if lines else type(error).__name__)[:300]
