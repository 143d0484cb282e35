"""A backup of Jenkins' home is restored for real, and is whole however the backup ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.places import REPOSITORY
from tests.waiting import wait_until

SCRIPTS = REPOSITORY / "deploy" / "jenkins"
KEY = "the master key\n"
Tree = dict[str, tuple[int, bytes | str | None]]


def run(name: str, *arguments: str | Path, code: int = 0) -> str:
    """What a script prints, with its errors; it has to end with the code."""
    command = ["bash", str(SCRIPTS / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.strip() + done.stderr.strip()


def backed_up(home: Path, backups: Path, *keep: str) -> Path:
    return Path(run("backup", home, backups, *keep))


def kept(backups: Path) -> list[str]:
    return sorted(path.name for path in backups.glob("*Z-*"))


def tree(folder: Path) -> Tree:
    """Each path in a folder with its mode, and its content or where it leads."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None,
        )
        for path in folder.rglob("*")
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of Jenkins, with names and modes that are easily lost."""
    home = tmp_path / "home"
    files = {
        "config.xml": "<hudson/>",
        "credentials.xml": "{encrypted}",
        "jobs/fraud/jobs/promote/builds/7/build.xml": "<build/>",
        "jobs/fraud/jobs/promote/builds/7/log": "x" * 5_000_000,
        "jobs/na\u00efve job\nof two lines/config.xml": "<project/>",
        "plugins/kubernetes.jpi": "a plugin",
        "users/alice/config.xml": "<user/>",
        "secrets/hudson.util.Secret": "encrypted by the master key",
        "secrets/master.key": KEY,
        "secrets/initialAdminPassword": "in plain text",
        "workspace/job/file": "made again",
        "war/index.html": "made again",
        "jobs/workspace/config.xml": "a job of that name",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (home / "jobs/fraud/jobs/promote/builds/lastStableBuild").symlink_to("7")
    (home / "secrets").chmod(0o700)
    (home / "secrets/hudson.util.Secret").chmod(0o600)
    return home


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(KEY)
    return tmp_path / "key"


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_restored_home_is_the_one_that_was_backed_up(
    home: Path, backups: Path, key: Path, tmp_path: Path
) -> None:
    backup = backed_up(home, backups)
    restored = empty(tmp_path / "restored")
    restored.chmod(0o775)  # a volume, whose owner is another user

    assert run("restore", backup, restored, key) == f"{restored} holds {backup.name}"

    (home / "secrets/master.key").chmod(0o600)
    left_out = ("workspace", "war", "secrets/initialAdminPassword")
    expected = {name: entry for name, entry in tree(home).items() if not name.startswith(left_out)}
    assert tree(restored) == expected
    assert restored.stat().st_mode & 0o777 == 0o775
    assert "secrets/master.key" in expected
    assert "jobs/workspace/config.xml" in expected


def test_a_backup_holds_no_secret_in_plain_text_and_only_its_owner_reads_it(
    home: Path, backups: Path
) -> None:
    backup = backed_up(home, backups)

    listed = subprocess.check_output(["tar", "-tzf", backup], text=True)
    assert re.findall(r"^\./secrets/.+", listed, re.MULTILINE) == ["./secrets/hudson.util.Secret"]
    assert backup.stat().st_mode & 0o777 == 0o600


def test_a_backup_that_is_killed_leaves_the_last_one_whole(
    home: Path, backups: Path, key: Path, tmp_path: Path
) -> None:
    last = backed_up(home, backups)
    with (home / "large").open("wb") as large:
        large.truncate(50_000_000_000)
    command = ["bash", str(SCRIPTS / "backup"), str(home), str(backups)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL) as killed:
        incoming = backups / ".incoming"
        wait_until(lambda: incoming.exists() and incoming.stat().st_size > 10_000)
        run("backup", home, backups, code=2)
        os.killpg(killed.pid, signal.SIGKILL)
    (home / "large").unlink()

    assert kept(backups) == [last.name]
    run("restore", last, empty(tmp_path / "restored"), key)
    following = backed_up(home, backups)
    assert kept(backups) == [last.name, following.name]
    assert not incoming.exists()


def test_only_the_newest_backups_are_kept(home: Path, backups: Path) -> None:
    for day in range(1, 10):
        (backups / f"2025-01-0{day}T030000Z-{'0' * 64}.tar.gz").write_text("")
    (backups / "notes.txt").write_text("not a backup")

    newest = backed_up(home, backups, "3")

    assert kept(backups) == [
        f"2025-01-08T030000Z-{'0' * 64}.tar.gz",
        f"2025-01-09T030000Z-{'0' * 64}.tar.gz",
        newest.name,
    ]
    assert (backups / "notes.txt").exists()


def test_a_backup_that_fails_deletes_nothing(home: Path, backups: Path, tmp_path: Path) -> None:
    last = backed_up(home, backups)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tar").write_text("#!/bin/sh\nexit 2\n")
    (tmp_path / "bin" / "tar").chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    command = ["bash", str(SCRIPTS / "backup"), str(home), str(backups), "1"]
    done = subprocess.run(
        command, env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert done.stderr == "error: tar ended with 2; the backups before are unchanged\n"
    assert kept(backups) == [last.name]


def test_a_damaged_backup_is_refused_before_anything_is_written(
    home: Path, backups: Path, key: Path, tmp_path: Path
) -> None:
    backup = backed_up(home, backups)
    damaged = bytearray(backup.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    backup.write_bytes(damaged)
    restored = empty(tmp_path / "restored")

    assert "damaged or changed" in run("restore", backup, restored, key, code=3)
    assert list(restored.iterdir()) == []


def test_an_interrupted_restore_can_be_run_again(
    home: Path, backups: Path, key: Path, tmp_path: Path
) -> None:
    backup = backed_up(home, backups)
    restored = empty(tmp_path / "restored")
    for name in (".restoring", "config.xml", "of-another-backup"):
        (restored / name).write_text("half")

    run("restore", backup, restored, key)

    assert (restored / "config.xml").read_text() == "<hudson/>"
    assert not (restored / "of-another-backup").exists()
    assert not (restored / ".restoring").exists()


def test_what_is_there_is_never_overwritten(
    home: Path, backups: Path, key: Path, tmp_path: Path
) -> None:
    backup = backed_up(home, backups)
    (home / "lost+found").mkdir()
    before = tree(home)

    assert "is not empty" in run("restore", backup, home, key, code=2)
    assert tree(home) == before


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("backup", ("nowhere", "."), "no home of Jenkins"),
        ("backup", (".", "."), "no home of Jenkins"),
        ("backup", (".", ".", "0"), "not a number from 1"),
        ("restore", ("nowhere.tar.gz", ".", "key"), "is no backup"),
        ("restore", ("key", ".", "key"), "is no backup"),
        ("restore", ("key", "nowhere", "key"), "is no folder"),
        ("restore", ("key", ".", "nokey"), "missing or empty"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    name: str,
    arguments: tuple[str, ...],
    problem: str,
    key: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)

    said = run(name, *arguments, code=2)

    assert problem in said
    assert "\n" not in said
