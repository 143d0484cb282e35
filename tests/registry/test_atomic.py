"""Atomic writes that end well, that fail, and that are killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from registry.atomic import PARTIAL, atomic_write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_text("old")
    return path


def test_the_file_is_new_or_replaced_and_nothing_else_is_left(path: Path) -> None:
    new = path.with_name("new.txt")
    for written in (path, new):
        with atomic_write(written) as temporary:
            temporary.write_text("content")
        assert written.read_text() == "content"
    assert sorted(path.parent.iterdir()) == [path, new]


def test_the_file_has_the_permissions_of_any_new_file(path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic_write(path) as temporary:
            temporary.write_text("content")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_bytes_and_name_are_on_disk_when_it_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, str]] = []

    def record(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, path.read_text()))

    monkeypatch.setattr(os, "fsync", record)
    with atomic_write(path) as temporary:
        temporary.write_text("content")
    file, folder = path.stat().st_ino, path.parent.stat().st_ino
    assert synced == [(file, "old"), (folder, "content")]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("failing", ["write_text", "fsync"])
def test_a_failure_leaves_the_old_file_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    monkeypatch.setattr(os if failing == "fsync" else Path, failing, Mock(side_effect=error))
    with pytest.raises(type(error)), atomic_write(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "none" / "file.txt"):
        pass


def test_a_killed_process_leaves_the_old_file_and_a_partial_one(path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from registry.atomic import atomic_write\n"
        "with atomic_write(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    (left,) = path.parent.glob(f"{PARTIAL}{path.name}-*")
    assert left.read_text() == "half"
