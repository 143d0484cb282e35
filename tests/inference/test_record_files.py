"""The names and the open files of a spool."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from inference.record_files import OPEN, SEALED, OpenFile, new_name, spool_files
from tests.inference.spooled import HOUR, new_file
from tests.places import REPOSITORY

WRITER = """
import sys, time
from pathlib import Path
from tests.inference.spooled import new_file
file = new_file(Path(sys.argv[1]))
file.append(b"{}\\n")
print("written", flush=True)
time.sleep(60)
"""


def test_a_name_says_hour_version_and_age_and_what_the_file_is_called_at_its_destination(
    tmp_path: Path,
) -> None:
    (tmp_path / f"{new_name(HOUR + 3599.5, 7)}.jsonl").touch()
    (tmp_path / "lock").touch()
    (tmp_path / "partial-2026-11-28T08_7_pod-1-0123456789abcdef.jsonl").touch()
    (found,) = spool_files(tmp_path, SEALED)
    assert found.since == HOUR + 3599.5
    assert re.fullmatch(
        r"hour=2026-11-28T08/version=7/[A-Za-z0-9.-]+-1795856399500-[0-9a-f]{16}\.parquet",
        found.destination,
    )
    assert spool_files(tmp_path, OPEN) == []


def test_a_host_name_with_other_letters_leads_out_of_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "../pod_é")
    name = new_name(HOUR, 7)
    assert name.startswith("2026-11-28T08_7_..-pod---1795852800000-")
    (tmp_path / f"{name}.open").touch()
    assert len(spool_files(tmp_path, OPEN)) == 1


def test_two_names_of_one_moment_differ() -> None:
    assert new_name(HOUR, 7) != new_name(HOUR, 7)


def test_a_file_of_a_living_process_is_not_taken_over_and_that_of_a_dead_one_is(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"written\n"
        (found,) = spool_files(tmp_path, OPEN)
        with pytest.raises(BlockingIOError):
            OpenFile(found.path, is_new=False)
        process.kill()
    left = OpenFile(found.path, is_new=False)
    assert left.size == 3
    left.seal()
    assert [one.path.read_bytes() for one in spool_files(tmp_path, SEALED)] == [b"{}\n"]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"", b""),
        (b"{}\n", b"{}\n"),
        (b'{}\n{"a":', b"{}\n"),
        (b'{"a":', b""),
        (b"{}\n" + b"\0" * 5000, b"{}\n"),
        (b"{}\n" + b"x" * 200_000, b"{}\n"),
    ],
)
def test_what_follows_the_last_line_break_is_cut_off(
    content: bytes, kept: bytes, tmp_path: Path
) -> None:
    file = new_file(tmp_path)
    file.append(content)
    assert file.cut_partial_line() == (content != kept)
    assert file.path.read_bytes() == kept
    file.append(b"[]\n")
    assert file.path.read_bytes() == kept + b"[]\n"


def test_a_write_that_fails_half_way_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = new_file(tmp_path)
    file.append(b"{}\n")
    write = os.write
    calls = []

    def full(descriptor: int, text: memoryview) -> int:
        calls.append(len(text))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return int(write(descriptor, text[:4]))

    monkeypatch.setattr("inference.record_files.os.write", full)
    with pytest.raises(OSError, match="No space left"):
        file.append(b"0123456789\n")
    assert calls == [11, 7]
    assert (file.path.read_bytes(), file.size) == (b"{}\n", 3)


def test_an_empty_file_is_deleted_instead_of_sealed(tmp_path: Path) -> None:
    new_file(tmp_path).seal()
    assert list(tmp_path.iterdir()) == []
