"""A migration makes the tables once, and again without harm; two at once wait for each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy

from deploy.tracking.database import require_current
from registry.errors import RegistryError
from tests.places import REPOSITORY
from tests.postgres import postgresql

DONE = "the database is that of the installed MLflow\n"


def start(uri: str, password: str = "") -> subprocess.Popen[str]:
    """The command, in a process of its own: MLflow's server is slow to import, and warns."""
    environment = {
        "PYTHONPATH": str(REPOSITORY),
        "MLFLOW_BACKEND_STORE_URI": uri,
        "PGPASSWORD": password,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.tracking", "migrate"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_migrations_of_an_empty_database_at_once_both_succeed(tmp_path: Path) -> None:
    with postgresql(tmp_path / "postgresql.log") as postgres:
        uri = postgres.uri_with_password
        with pytest.raises(RegistryError, match=r"run `python -m deploy\.tracking migrate` once"):
            require_current(uri)

        both = [start(postgres.uri, postgres.password) for _ in range(2)]

        assert [process.communicate(timeout=120)[0] for process in both] == [DONE, DONE]
        require_current(uri)

        engine = sqlalchemy.create_engine(uri)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = 'later'"))
        engine.dispose()

        with pytest.raises(RegistryError, match="not that of the installed MLflow"):
            require_current(uri)
        later = start(postgres.uri, postgres.password)

        assert "the database is of another MLflow" in later.communicate(timeout=120)[1]
        assert later.returncode == 2


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    away = start("postgresql+psycopg2://mlflow:secret@127.0.0.1:1/mlflow")

    printed = away.communicate(timeout=120)[1]

    assert printed.splitlines()[-1].startswith("error: the database does not answer: ")
    assert "secret" not in printed
    assert away.returncode == 2
