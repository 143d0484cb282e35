"""A backup holds the database and all files; a restore gives a ledger that verifies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.postgres import Postgres, postgres_server
from deploy.local.team import Team
from registry.ledger.chain import Link
from registry.model.scorer import MODEL_FILE
from registry.storage.container import open_container
from tests.places import REPOSITORY
from tests.postgres import reachable_folder
from tests.world import World


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """For all backups of this module."""
    with reachable_folder() as made:
        yield made


@pytest.fixture(scope="module")
def empty(folder: Path) -> Iterator[Postgres]:
    with postgres_server(folder / "postgresql", folder / "postgresql.log") as postgres:
        yield postgres


def run(
    started: Team, world: World, *arguments: str, postgres: Postgres | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m deploy.tracking`, on the team's database or on another one."""
    postgres = postgres or started.postgres
    return subprocess.run(
        [sys.executable, "-m", "deploy.tracking", *arguments],
        cwd=REPOSITORY,
        env={
            **os.environ,
            **started.server_environment(),
            "MLFLOW_BACKEND_STORE_URI": postgres.uri,
            "PGPASSWORD": postgres.password,
            "FRAUD_LEDGER_CONFIG": str(world.config),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def link(started: Team, team_world: World) -> Link:
    """An entry of the ledger, so that there is something to lose."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in started.environment("admin").items():
            patch.setenv(name, value)
        return team_world.put_in_production()


@pytest.fixture(scope="module")
def made(started: Team, team_world: World, folder: Path, link: Link) -> Path:
    """A first backup."""
    ended = run(started, team_world, "backup", str(folder))
    assert ended.returncode == 0, ended.stderr
    return Path(ended.stdout.strip())


def test_a_backup_that_was_changed_is_refused_before_anything_is_restored(
    started: Team, team_world: World, made: Path, folder: Path, empty: Postgres
) -> None:
    content = next(path for path in (folder / "files").rglob("*") if path.is_file())
    right = content.read_bytes()
    content.write_bytes(right + b"!")
    changed = run(started, team_world, "restore", str(made), postgres=empty)
    content.unlink()
    missing = run(started, team_world, "restore", str(made), postgres=empty)
    content.write_bytes(right)

    for refused in (changed, missing):
        assert refused.returncode == 3
        assert f"{content} is missing or was changed" in refused.stderr.splitlines()[-1]


def test_what_is_not_a_complete_backup_is_refused(
    started: Team, team_world: World, made: Path, tmp_path: Path, empty: Postgres
) -> None:
    for name in ("database.dump", "files.jsonl"):
        (tmp_path / name).write_bytes((made / name).read_bytes())

    refused = run(started, team_world, "restore", str(tmp_path), postgres=empty)

    assert refused.returncode == 2
    assert "is not a complete backup" in refused.stderr


def test_a_database_that_is_in_use_is_not_restored_over(
    started: Team, team_world: World, made: Path
) -> None:
    refused = run(started, team_world, "restore", str(made))

    assert refused.returncode == 2
    assert "the database is not empty; restore into a new one" in refused.stderr


def test_a_second_backup_copies_only_what_is_new(
    started: Team, team_world: World, made: Path, folder: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (folder / "files").rglob("*/*")}

    ended = run(started, team_world, "backup", str(folder))

    assert ended.returncode == 0, ended.stderr
    after = {path: path.stat().st_mtime_ns for path in (folder / "files").rglob("*/*")}
    assert after == before
    second = Path(ended.stdout.strip())
    assert (second / "files.jsonl").read_bytes() == (made / "files.jsonl").read_bytes()


def test_a_lost_database_and_lost_files_are_restored_and_verify(
    started: Team,
    team_world: World,
    made: Path,
    link: Link,
    empty: Postgres,
    as_admin: dict[str, str],
) -> None:
    with open_container(link.statement.entry.source) as evidence:
        evidence.delete(MODEL_FILE)

    restored = run(started, team_world, "restore", str(made), postgres=empty)

    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert " files are restored" in restored.stdout
    assert " 0 problems" in restored.stdout
    with open_container(link.statement.entry.source) as evidence:
        assert evidence.properties(MODEL_FILE).size > 0
