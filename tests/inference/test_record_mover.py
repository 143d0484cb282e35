"""The process that converts and moves records: each arrives once, whatever ends the process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.record_destination import open_destination
from inference.record_mover import Moved, move
from registry.errors import Unreachable
from tests.inference.spooled import folders, seal, stored_rows
from tests.places import REPOSITORY

KILLED = """
import sys
from pathlib import Path
import inference.record_parquet
import pyarrow
from tests.inference.killed import kill_at_each_step
from inference.record_destination import open_destination
from inference.record_mover import move
from tests.inference.spooled import folders, seal

def task(folder):
    spool, destination = folders(folder)
    move(spool, open_destination(str(destination)))

def filled(folder):
    spool, _ = folders(folder)
    seal(spool, range(5))

pyarrow.array([])  # loads pandas, where there is one: once instead of in each fork
kill_at_each_step(Path(sys.argv[1]), filled, task)
"""


def test_sealed_records_are_moved_by_hour_and_version_and_their_files_deleted(
    tmp_path: Path,
) -> None:
    spool, destination = folders(tmp_path)
    seal(spool, range(3))
    seal(spool, range(3, 5), version=8)
    assert move(spool, open_destination(str(destination))) == Moved(files=2)
    assert stored_rows(destination / "hour=2026-11-28T08" / "version=7") == [0, 1, 2]
    assert stored_rows(destination / "hour=2026-11-28T08" / "version=8") == [3, 4]
    assert list(spool.iterdir()) == []


def test_killed_before_any_of_its_steps_each_record_is_there_once_after_the_next_run(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    steps = subprocess.check_output(command, cwd=REPOSITORY, text=True, timeout=120).splitlines()
    assert {
        "open .jsonl",  # to convert
        "os.rename .parquet",  # converted
        "os.remove .jsonl",
        "shutil.copyfile .parquet",
        "os.remove .parquet",  # stored
    } <= set(steps)
    for number in range(1, len(steps) + 2):
        spool, destination = folders(tmp_path / str(number))
        assert move(spool, open_destination(str(destination))).failed == 0
        assert stored_rows(destination) == [0, 1, 2, 3, 4]
        assert list(spool.iterdir()) == []
        assert {path.suffix for path in destination.rglob("*") if path.is_file()} == {".parquet"}


class Away:
    """A destination that fails, and counts how often it was asked."""

    def __init__(self, error: Exception) -> None:
        self.error, self.asked = error, 0

    def upload(self, path: Path, name: str) -> None:  # noqa: ARG002 (as in the protocol)
        self.asked += 1
        raise self.error


@pytest.mark.parametrize(
    "error", [OSError(30, "Read-only file system"), Unreachable("no response")]
)
def test_where_the_destination_fails_all_records_wait_as_parquet_and_three_files_are_tried(
    error: Exception, tmp_path: Path
) -> None:
    spool, destination = folders(tmp_path)
    for row in range(5):
        seal(spool, range(row, row + 1))
    away = Away(error)
    assert move(spool, away) == Moved(failed=3, error=str(error))
    assert away.asked == 3
    assert stored_rows(spool) == [0, 1, 2, 3, 4]
    assert {path.suffix for path in spool.iterdir()} == {".parquet"}
    assert move(spool, open_destination(str(destination))) == Moved(files=5)
    assert stored_rows(destination) == [0, 1, 2, 3, 4]


def test_a_file_that_cannot_be_converted_holds_up_no_other(tmp_path: Path) -> None:
    spool, destination = folders(tmp_path)
    bad = seal(spool, range(0))
    bad.write_bytes(b'{"model_version":"seven"}\n')
    seal(spool, range(2))
    moved = move(spool, open_destination(str(destination)))
    assert (moved.files, moved.failed) == (1, 1)
    assert stored_rows(destination) == [0, 1]
    assert list(spool.iterdir()) == [bad]


def test_the_files_of_others_are_left_alone(tmp_path: Path) -> None:
    spool, destination = folders(tmp_path)
    (spool / "notes.jsonl").write_text("mine\n")
    assert move(spool, open_destination(str(destination))) == Moved()
    assert (spool / "notes.jsonl").read_text() == "mine\n"


def test_as_a_program_it_reports_in_json_and_is_the_least_urgent(tmp_path: Path) -> None:
    spool, destination = folders(tmp_path)
    seal(spool, range(2))
    program = "import os; from inference.record_mover import main; main(); print(os.nice(0))"
    command = [sys.executable, "-c", program, str(spool), str(destination)]
    output = subprocess.check_output(command, cwd=REPOSITORY, text=True, timeout=60)
    report, niceness = output.splitlines()
    assert json.loads(report) == {"files": 1, "invalid": 0, "failed": 0, "error": ""}
    assert niceness == "19"
    assert stored_rows(destination) == [0, 1]
