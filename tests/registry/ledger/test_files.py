"""Files in memory: read once, hashed as they were read, and bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.errors import BytesMismatch, NotFound
from registry.ledger.files import Files, read_file, read_files
from registry.ledger.manifest import Manifest
from tests.swapping import swapped_once_opened

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_every_file_below_the_folder_is_read(folder: Path) -> None:
    files = read_files(folder, 3)
    assert dict(files) == {"MLmodel": b"abc", "data/weights": b""}
    assert files.manifest == Manifest({"MLmodel": ABC, "data/weights": EMPTY})


def test_the_digests_are_those_of_the_bytes_that_were_read(folder: Path) -> None:
    with swapped_once_opened(folder, "MLmodel", b"other") as swapped:
        files = read_files(folder, 10)
    assert swapped == [folder / "MLmodel"]
    assert (folder / "MLmodel").read_bytes() == b"other"
    assert files["MLmodel"] == b"abc"
    assert files.manifest.sha256["MLmodel"] == ABC


def test_files_of_more_than_the_maximum_together_are_refused(folder: Path) -> None:
    (folder / "more").write_bytes(b"d")
    assert len(read_files(folder, 4)) == 3
    with pytest.raises(BytesMismatch, match="more is larger than the 0 bytes that it may have"):
        read_files(folder, 3)


def test_a_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(BytesMismatch, match="huge is larger than the 1,000,000 bytes"):
        read_file(tmp_path / "huge", 1_000_000)


@pytest.mark.parametrize("target", ["MLmodel", "data", "nowhere"])
def test_a_link_is_refused_whatever_it_points_at(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(folder / target)
    with pytest.raises(BytesMismatch, match="link is not a regular file"):
        read_files(folder, 10)
    with pytest.raises(BytesMismatch, match="link is not a regular file"):
        read_file(folder / "link", 10)


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(BytesMismatch, match="pipe is not a regular file"):
        read_file(folder / "pipe", 10)


def test_a_hard_link_is_a_file_like_any_other(folder: Path, tmp_path: Path) -> None:
    os.link(folder / "MLmodel", tmp_path / "link")
    files = read_files(folder, 10)
    (tmp_path / "link").write_bytes(b"other")
    assert files["MLmodel"] == b"abc"


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder 'model'"):
        read_files(tmp_path / "model", 10)


def test_files_are_written_as_they_were_read(folder: Path, tmp_path: Path) -> None:
    files = read_files(folder, 10)
    files.write(tmp_path / "a" / "copy")
    assert read_files(tmp_path / "a" / "copy", 10) == files


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "a/..", "", ".", "a\0b"])
def test_a_path_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(BytesMismatch, match="is a path outside the folder"):
        Files({name: b""})
