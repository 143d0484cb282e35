"""The files that several workers share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inference import worker_files
from inference.worker_files import SharedCounts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    return process.pid


def written(folder: Path, kind: str, version: int, pid: int, *counts: int) -> Path:
    """The file of a worker with this id."""
    shared = SharedCounts(kind, version, len(counts))
    shared.own += counts
    path = folder / f"{version}-{kind}_{os.getpid()}.counts"
    return path.rename(path.with_name(f"{version}-{kind}_{pid}.counts"))


def test_a_process_alone_counts_in_memory() -> None:
    counts = SharedCounts("rows", 7, 3)
    counts.own[1] += 5
    assert counts.totals().tolist() == [0, 5, 0]


def test_counts_are_summed_over_the_workers_by_kind_and_version(folder: Path) -> None:
    written(folder, "rows", 7, 1, 1, 2)
    written(folder, "rows", 7, 2, 10, 20)
    written(folder, "rows", 17, 1, 5, 5)
    written(folder, "fields", 7, 1, 6, 6)
    counts = SharedCounts("rows", 7, 2)
    counts.own[0] += 100
    assert counts.totals().tolist() == [111, 22]


def test_a_file_of_another_size_is_passed_over(folder: Path) -> None:
    written(folder, "rows", 7, 1, 1, 2, 3)
    assert SharedCounts("rows", 7, 2).totals().tolist() == [0, 0]


def test_a_starting_worker_continues_the_counts_of_one_that_ended(folder: Path, ended: int) -> None:
    written(folder, "rows", 7, ended, 1, 2)
    (folder / f"counter_{ended}.db").write_bytes(b"counted")
    (folder / f"gauge_livesum_{ended}.db").write_bytes(b"")
    worker_files.inherit(folder)
    own = os.getpid()
    assert sorted(path.name for path in folder.iterdir()) == [
        f"7-rows_{own}.counts",
        f"counter_{own}.db",
        f"gauge_livesum_{ended}.db",
    ]
    counts = SharedCounts("rows", 7, 2)
    counts.own[1] += 40
    assert counts.totals().tolist() == [1, 42]
    worker_files.inherit(folder)  # nothing more
    assert counts.totals().tolist() == [1, 42]


def test_a_starting_worker_makes_the_folder_again(tmp_path: Path) -> None:
    worker_files.inherit(tmp_path / "gone")
    assert (tmp_path / "gone").stat().st_mode & 0o777 == 0o700


def test_the_files_of_living_workers_stay(folder: Path) -> None:
    path = written(folder, "rows", 7, os.getppid(), 1, 2)
    worker_files.inherit(folder)
    assert list(folder.iterdir()) == [path]


def test_the_files_of_an_earlier_process_with_the_same_id_are_kept(
    folder: Path, ended: int
) -> None:
    theirs = written(folder, "rows", 7, ended, 1)
    own = written(folder, "rows", 7, os.getpid(), 1)
    worker_files.inherit(folder)
    assert sorted(folder.iterdir()) == sorted([theirs, own])


def test_counts_of_versions_that_are_not_served_any_more_are_deleted(folder: Path) -> None:
    for version in (6, 7, 8, 70):
        written(folder, "rows", version, 1, 1)
    worker_files.forget_other_versions(7, 8)
    assert {path.name for path in folder.iterdir()} == {"7-rows_1.counts", "8-rows_1.counts"}


def test_counts_of_a_version_that_a_slower_worker_serves_are_kept(folder: Path) -> None:
    for version in (5, 6, 7, 8):
        written(folder, "rows", version, 1, 1)
    (folder / "serves_2.json").write_text('["6", "digest"]')
    worker_files.forget_other_versions(7, 8)
    assert {path.name for path in folder.iterdir()} == {
        *("6-rows_1.counts", "7-rows_1.counts", "8-rows_1.counts", "serves_2.json")
    }


def test_a_process_alone_has_no_files_to_delete() -> None:
    worker_files.forget_other_versions(7)
    worker_files.note_served(7, "d")


def test_workers_are_counted_by_what_they_serve_until_they_end(folder: Path) -> None:
    for pid, version in ((1, 7), (2, 8), (3, 8)):
        worker_files.note_served(version, f"digest{version}")
        (folder / f"serves_{os.getpid()}.json").rename(folder / f"serves_{pid}.json")
    (folder / "gauge_livesum_3.db").write_bytes(b"")
    (folder / "counter_3.db").write_bytes(b"")
    expected = {("7", "digest7"): 1, ("8", "digest8"): 2}
    assert worker_files.served_by_workers(folder) == expected
    worker_files.bury(folder, 3)
    assert worker_files.served_by_workers(folder) == {("7", "digest7"): 1, ("8", "digest8"): 1}
    assert {path.name for path in folder.iterdir()} == {
        *("serves_1.json", "serves_2.json", "counter_3.db")
    }


def test_a_worker_that_serves_another_model_counts_for_that_one(folder: Path) -> None:
    worker_files.note_served(7, "a")
    worker_files.note_served(8, "b")
    assert worker_files.served_by_workers(folder) == {("8", "b"): 1}


def test_what_a_worker_left_that_was_killed_while_it_made_its_files_is_deleted(
    folder: Path,
) -> None:
    (folder / "counter_1.db").touch()
    (folder / "counter_2.db").write_bytes(bytes(8))
    worker_files.delete_empty(folder)
    assert [path.name for path in folder.glob("*.db")] == ["counter_2.db"]


def test_metrics_are_made_while_nobody_reads_them(folder: Path) -> None:
    made = threading.Event()

    def make() -> None:
        with worker_files.creating():
            made.set()

    thread = threading.Thread(target=make)
    with worker_files.locked(folder):
        thread.start()
        assert not made.wait(0.1)
    thread.join(10)
    assert made.is_set()


def test_a_process_alone_makes_its_metrics_at_once() -> None:
    with worker_files.creating():
        pass
