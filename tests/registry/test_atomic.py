"""Atomic writes that succeed, that fail, and that are killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from registry.atomic import (
    PARTIAL,
    atomic_write,
    locked,
    publish,
    temporary_names,
    write_temporary,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_text("old")
    return path


def write(path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("new")


def test_a_file_is_made_or_replaced_with_the_usual_permissions(path: Path) -> None:
    added = path.with_name("added.txt")
    before = os.umask(0o027)
    try:
        for written in (path, added):
            write(written)
            assert written.read_text() == "new"
    finally:
        os.umask(before)
    assert sorted(path.parent.iterdir()) == [added, path]
    assert stat.S_IMODE(added.stat().st_mode) == 0o640


def test_bytes_and_name_are_on_disk_when_it_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, str]] = []

    def record(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, path.read_text()))

    monkeypatch.setattr(os, "fsync", record)
    write(path)
    file, folder = path.stat().st_ino, path.parent.stat().st_ino
    assert synced == [(file, "old"), (folder, "new")]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize(("owner", "name"), [(Path, "write_text"), (os, "fsync")])
def test_a_failure_leaves_the_old_file_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, error: BaseException
) -> None:
    monkeypatch.setattr(owner, name, Mock(side_effect=error))
    with pytest.raises(type(error)):
        write(path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_is_complete_and_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "new.txt", list[tuple[int, bool]]()

    def record(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, path.exists()))

    monkeypatch.setattr(os, "fsync", record)
    temporary = write_temporary(path, b"new", 0o600)
    assert temporary_names(path) == [temporary]
    publish(temporary, path)
    file, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert synced == [(file, False), (folder, False), (folder, True)]
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_publishing_replaces_no_file(path: Path) -> None:
    temporary = write_temporary(path, b"new")
    with pytest.raises(FileExistsError):
        publish(temporary, path)
    assert path.read_text() == "old"


def test_a_new_file_that_cannot_be_written_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_temporary(path, b"new")
    assert list(path.parent.iterdir()) == [path]


def test_a_killed_process_leaves_the_old_file_and_a_partial_one(path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from registry.atomic import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(path.parent.glob(f"{PARTIAL}{path.name}-*"))) == 1


ADD_ONE = """
import sys
from pathlib import Path
from registry.atomic import atomic_write, locked
path = Path(sys.argv[1])
for _ in range(50):
    with locked(path):
        number = int(path.read_text())
        with atomic_write(path) as temporary:
            temporary.write_text(str(number + 1))
"""


def test_processes_that_change_a_file_under_its_lock_lose_no_change(path: Path) -> None:
    path.write_text("0")
    command = [sys.executable, "-c", ADD_ONE, str(path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert path.read_text() == "200"
    assert list(path.parent.iterdir()) == [path]


def test_the_lock_of_a_killed_process_is_free(path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from registry.atomic import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with locked(path):
        assert path.read_text() == "old"
