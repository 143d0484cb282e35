"""The database as one file: dumped in one consistent state, and loaded into an empty database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy
from sqlalchemy.engine import URL, make_url

from deploy.tracking.database import open_database
from deploy.tracking.entra_login import without_plugin
from registry.errors import RegistryError, UsageError, on_one_line

DUMP_SECONDS = 3600


def dump(uri: str, file: Path) -> None:
    """Write the database to a file. Raises UsageError without `pg_dump`, Unreachable where the
    database does not answer, and RegistryError where the dump fails.
    """
    url = make_url(uri)
    with open_database(uri):
        pass
    if url.get_backend_name() == "sqlite":
        with (
            closing(sqlite3.connect(url.database or "")) as source,
            closing(sqlite3.connect(file)) as target,
        ):
            source.backup(target)
        return
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")


def load(uri: str, file: Path) -> None:
    """Load a dump into an empty database, whole or not at all. Raises as `dump` does."""
    url = make_url(uri)
    if url.get_backend_name() == "sqlite":
        with (
            closing(sqlite3.connect(file)) as source,
            closing(sqlite3.connect(url.database or "")) as target,
        ):
            source.backup(target)
        return
    _run("pg_restore", url, "--single-transaction", "--no-owner", "--exit-on-error", str(file))


def require_empty(uri: str) -> None:
    """Raises UsageError for a database that holds tables, and Unreachable."""
    with open_database(uri) as engine:
        if sqlalchemy.inspect(engine).get_table_names():
            raise UsageError(
                "the database is not empty; restore into a new one, and keep the old one until the "
                "restored ledger is verified"
            )


def _run(program: str, url: URL, *arguments: str) -> None:
    """A program of PostgreSQL; the password is in its environment, not among its arguments."""
    if shutil.which(program) is None:
        raise UsageError(f"{program} is not installed: `apt-get install postgresql-client`")
    url = without_plugin(url)
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    # `set` would leave the password in place.
    plain = url._replace(drivername="postgresql", password=None)
    address = plain.render_as_string(hide_password=False)
    try:
        ended = subprocess.run(
            [program, "--no-password", f"--dbname={address}", *arguments],
            env={**os.environ, **password},
            check=False,
            capture_output=True,
            text=True,
            timeout=DUMP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RegistryError(f"{program} took more than {DUMP_SECONDS // 60} minutes") from None
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["no output"]
        raise RegistryError(f"{program}: {on_one_line(lines[0])}")
