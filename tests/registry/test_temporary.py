"""Temporary folders: gone at the end of the block, or of the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.temporary import temporary_folder
from tests.places import REPOSITORY

STOPPED = """
import threading
from concurrent.futures import ThreadPoolExecutor
from registry.temporary import temporary_folder

stopped = threading.Event()

def write(folder):
    stopped.wait()
    folder.mkdir(exist_ok=True)
    (folder / "late").write_text("downloaded")
    print("written")

pool = ThreadPoolExecutor()
try:
    with temporary_folder("late-") as folder:
        pool.submit(write, folder)
        raise SystemExit(5)
finally:
    stopped.set()
"""


@pytest.mark.parametrize("error", [None, OSError("no"), KeyboardInterrupt()])
def test_a_folder_is_gone_after_the_block(error: BaseException | None) -> None:
    try:
        with temporary_folder("test-") as folder:
            assert folder.name.startswith("test-")
            (folder / "below").mkdir()
            (folder / "below" / "file").write_text("content")
            if error:
                raise error
    except (OSError, KeyboardInterrupt) as raised:
        assert raised is error  # noqa: PT017 (it may also be none)
    assert not folder.exists()


def test_what_a_thread_writes_after_the_block_was_left_is_gone_at_the_end(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (5, "written\n", "")
    assert list(tmp_path.iterdir()) == []
