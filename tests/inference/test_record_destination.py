"""Where Parquet files of records go."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from inference.metrics import Metrics
from inference.record_destination import open_destination
from inference.record_mover import Moved, move
from inference.record_moves import Moves
from registry.storage.container import open_container
from tests.azurite import azurite, log_in
from tests.inference.spooled import folders, seal, stored_rows
from tests.waiting import wait_until

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
    destination.upload(source, NAME)
    source.write_bytes(b"others")
    destination.upload(source, NAME)
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / NAME]
    assert (folder / NAME).read_bytes() == b"records"


def test_what_a_killed_process_left_there_is_deleted(source: Path, tmp_path: Path) -> None:
    stored = tmp_path / NAME
    stored.parent.mkdir(parents=True)
    (stored.parent / f"partial-{stored.name}-01234567").write_bytes(b"rec")
    open_destination(str(tmp_path)).upload(source, NAME)
    assert list(stored.parent.iterdir()) == [stored]


def test_nothing_is_stored_below_a_folder_that_is_absent(source: Path, tmp_path: Path) -> None:
    absent = tmp_path / "mount"
    with pytest.raises(FileNotFoundError, match="mount does not exist"):
        open_destination(str(absent)).upload(source, NAME)
    assert not absent.exists()


def test_a_full_or_read_only_folder_fails_and_keeps_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("inference.record_destination.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        open_destination(str(tmp_path)).upload(source, NAME)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [source]


def test_azure_stopped_and_started_loses_nothing_and_stores_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with azurite(tmp_path / "azure", "records") as azure:
        log_in(azure, monkeypatch)
        address = azure.address("records", "production")
        spool, records = folders(tmp_path)
        seal(spool, range(3))
        with closing(open_container(address)) as destination:
            azure.server.stop()
            moved = move(spool, destination)
            assert moved.failed == 1
            assert moved.error.startswith(f"uploading {address}/hour=2026-11-28T08/version=7/")
            azure.server.start()
            (waiting,) = spool.glob("*.parquet")
            content = waiting.read_bytes()
            moves = Moves(spool, address, Metrics(lambda: 0, lambda: 0.0))
            assert moves.start()
            wait_until(moves.has_ended)
            assert not waiting.exists()
            waiting.write_bytes(content)  # as if killed between upload and deletion
            assert move(spool, destination) == Moved(files=1)
            (blob,) = destination.list()
            destination.download(blob.name, records / "a.parquet")
    assert stored_rows(records) == [0, 1, 2]
