"""A backup holds the database and all files; a restore gives a ledger that verifies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.local.postgres import Postgres, postgres_server
from deploy.local.team import Team
from deploy.tracking.backup import backup, restore
from deploy.tracking.database import require_current
from deploy.tracking.dump import require_empty
from registry.errors import NotFound, RegistryError
from registry.ledger.chain import Link
from registry.model.scorer import MODEL_FILE
from registry.storage.container import open_container
from tests.deploy.tracking.migrated import migrated_database
from tests.places import REPOSITORY
from tests.postgres import reachable_folder
from tests.world import World

HOUR = datetime(2026, 11, 28, 8, tzinfo=UTC)


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
    require_empty(empty.uri_with_password)


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


@dataclass(frozen=True)
class Small:
    """A database of SQLite and a folder of artifacts."""

    uri: str
    artifacts: Path
    backups: Path

    def backup(self, hour: int) -> Path:
        return backup(self.uri, str(self.artifacts), self.backups, HOUR.replace(hour=hour))

    def contents(self) -> dict[Path, int]:
        """When each content of the backups was written."""
        files = (self.backups / "files").glob("??/*")
        return {path: path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    migrated_database(folder)
    return folder / "mlflow.db"


@pytest.fixture
def small(migrated: Path, tmp_path: Path) -> Small:
    database = tmp_path / "mlflow.db"
    database.write_bytes(migrated.read_bytes())
    artifacts = tmp_path / "artifacts"
    (artifacts / "1").mkdir(parents=True)
    (artifacts / "1" / "model").write_text("model")
    return Small(f"sqlite:///{database}", artifacts, tmp_path / "backups")


def test_a_second_backup_copies_only_what_is_new(small: Small) -> None:
    first = small.backup(8)
    before = small.contents()
    (small.artifacts / "1" / "new").write_text("new")

    second = small.backup(9)

    assert (first.name, second.name) == ("2026-11-28T080000Z", "2026-11-28T090000Z")
    assert {path: small.contents()[path] for path in before} == before
    assert len(small.contents()) == 2
    assert [
        json.loads(line)["name"] for line in (second / "files.jsonl").read_text().splitlines()
    ] == [
        "1/model",
        "1/new",
    ]


def test_a_content_that_was_damaged_is_copied_again(small: Small) -> None:
    small.backup(8)
    [content] = small.contents()
    content.write_text("mode")

    small.backup(9)

    assert content.read_text() == "model"


def test_what_a_killed_backup_left_is_deleted_and_its_list_is_not_used(small: Small) -> None:
    killed = small.backup(8)
    (killed / "backup.json").unlink()
    left = small.backups / "files" / "partial-incoming-12345678"
    left.touch()

    small.backup(9)

    assert not left.exists()
    with pytest.raises(NotFound, match="T080000Z is not a complete backup"):
        restore("sqlite:///new.db", str(small.artifacts), killed)


def test_a_folder_that_is_not_mounted_is_not_backed_up_as_empty(small: Small) -> None:
    small.artifacts.rename(small.artifacts.with_name("elsewhere"))

    with pytest.raises(NotFound, match="artifacts is not a folder; is its disk mounted"):
        small.backup(8)

    assert not list(small.backups.glob("*/backup.json"))


def test_a_name_that_no_file_may_have_is_left_out_with_a_warning(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    (small.artifacts / "1" / "two\nlines").touch()
    (small.artifacts / "1" / "no\u00a0break").touch()

    made = small.backup(8)

    assert "no file may have this name: 1/two\\nlines" in capsys.readouterr().err
    assert len((made / "files.jsonl").read_text().splitlines()) == 2


def test_a_database_that_is_not_migrated_is_not_backed_up(small: Small, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="is not that of the installed MLflow"):
        backup(f"sqlite:///{tmp_path}/empty.db", str(small.artifacts), small.backups, HOUR)


def test_a_backup_is_restored_by_a_relative_path_into_a_folder_that_is_gone(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = small.backup(8)
    shutil.rmtree(small.artifacts)
    monkeypatch.chdir(made)

    restored = restore(f"sqlite:///{tmp_path}/restored.db", str(small.artifacts), Path())

    assert restored == 1
    assert (small.artifacts / "1" / "model").read_text() == "model"
    require_current(f"sqlite:///{tmp_path}/restored.db")
