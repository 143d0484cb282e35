"""Compaction: killed at any step it loses nothing, and the service starts it by itself."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from features.stores import journal
from features.stores.compact import compact
from features.stores.folder import segments, snapshots
from tests.features.stores.test_embedded import kept, opened
from tests.features.stores.test_folder import record
from tests.features.stores.test_memory import WINDOWS, at
from tests.places import REPOSITORY
from tests.waiting import wait_until

KILLED = """
import os, signal, sys
from pathlib import Path
from features.stores.compact import compact

left = int(sys.argv[2])

def counted(method):
    def call(*arguments):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments)
    return call

Path.replace, Path.unlink = counted(Path.replace), counted(Path.unlink)
compact(Path(sys.argv[1]), 3)
"""


def test_killed_before_any_of_its_steps_it_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "whole"
    record(folder, "a")
    compact(folder, 1)
    record(folder, "b")
    record(folder, "c")
    steps = 0
    while True:
        copied = copytree(folder, tmp_path / f"killed {steps}")
        command = [sys.executable, "-c", KILLED, str(copied), str(steps)]
        code = subprocess.run(command, cwd=REPOSITORY, check=False).returncode

        assert asyncio.run(kept(copied, "a", "b", "c")) == ["a", "b", "c"]
        compact(copied, 3)
        assert (list(snapshots(copied)), list(segments(copied))) == ([3], [4])
        assert not list(copied.glob("partial-*"))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        steps += 1
    # The snapshot takes its name; two segments and the old snapshot are deleted.
    assert steps == 4


def test_what_is_compacted_already_is_left_alone(tmp_path: Path) -> None:
    record(tmp_path, "a")
    record(tmp_path, "b")
    compact(tmp_path, 2)
    compact(tmp_path, 1)

    assert (list(snapshots(tmp_path)), list(segments(tmp_path))) == ([2], [])


def test_a_full_segment_is_closed_and_compacted_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1000)

    async def add() -> None:
        store = opened(tmp_path)
        for number in range(20):
            await store.add(at(0, str(number)), WINDOWS)
        assert max(segments(tmp_path)) == 2
        await asyncio.to_thread(wait_until, lambda: list(segments(tmp_path)) == [2])
        await store.close()

    asyncio.run(add())
    assert list(snapshots(tmp_path)) == [1]
    assert len(asyncio.run(kept(tmp_path, *map(str, range(20))))) == 20


def test_damage_ends_it_with_one_line_and_the_old_files_stay(tmp_path: Path) -> None:
    record(tmp_path, "a")
    [path] = segments(tmp_path).values()
    path.write_bytes(path.read_bytes() + b"damage\n")

    ended = subprocess.run(
        [sys.executable, "-m", "features.stores.compact", str(tmp_path), "1"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"compaction of {tmp_path}: {path} is damaged in line 3")
    assert path.exists()
