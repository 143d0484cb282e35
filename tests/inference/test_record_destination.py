"""Where Parquet files of records go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.record_destination import open_destination

NAME = "hour=2026-11-28T08/version=7/pod-1-0.parquet"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"records")
    return path


def test_a_file_is_stored_once_under_its_name(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    destination = open_destination(str(folder))
    destination.store(source, NAME)
    source.write_bytes(b"others")
    destination.store(source, NAME)
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / NAME]
    assert (folder / NAME).read_bytes() == b"records"


def test_what_a_killed_process_left_there_is_deleted(source: Path, tmp_path: Path) -> None:
    stored = tmp_path / NAME
    stored.parent.mkdir(parents=True)
    (stored.parent / f"partial-{stored.name}-01234567").write_bytes(b"rec")
    open_destination(str(tmp_path)).store(source, NAME)
    assert list(stored.parent.iterdir()) == [stored]


def test_nothing_is_stored_below_a_folder_that_is_absent(source: Path, tmp_path: Path) -> None:
    absent = tmp_path / "mount"
    with pytest.raises(FileNotFoundError, match="mount does not exist"):
        open_destination(str(absent)).store(source, NAME)
    assert not absent.exists()


def test_a_full_or_read_only_folder_fails_and_keeps_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("inference.record_destination.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        open_destination(str(tmp_path)).store(source, NAME)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [source]
