"""A folder as a value: its files and their digests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.errors import BytesMismatch, NotFound
from registry.ledger.manifest import Manifest, sha256_of, sha256_of_bytes

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_digest_is_sha256_in_hex(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256_of(tmp_path / "file") == ABC
    assert sha256_of_bytes(b"abc") == ABC


def test_every_file_below_the_folder_is_named_by_its_relative_path(folder: Path) -> None:
    assert Manifest.of(folder).sha256 == {"MLmodel": ABC, "data/weights": EMPTY}


def test_an_empty_folder_inside_is_no_difference(folder: Path) -> None:
    before = Manifest.of(folder)
    (folder / "nothing").mkdir()
    assert Manifest.of(folder) == before


def test_a_hidden_file_counts(folder: Path) -> None:
    (folder / ".hidden").write_bytes(b"abc")
    assert Manifest.of(folder).sha256[".hidden"] == ABC


@pytest.mark.parametrize("target", ["MLmodel", "data", "nowhere"])
def test_a_link_is_refused_whatever_it_points_at(folder: Path, target: str) -> None:
    (folder / "link").symlink_to(folder / target)
    with pytest.raises(BytesMismatch, match="link is not a regular file"):
        Manifest.of(folder)


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(BytesMismatch, match="pipe is not a regular file"):
        Manifest.of(folder)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder 'model'"):
        Manifest.of(tmp_path / "model")


def test_differences_name_each_file_and_how_it_differs() -> None:
    approved = Manifest({"MLmodel": ABC, "model.onnx": ABC, "same": ABC})
    actual = Manifest({"model.onnx": EMPTY, "same": ABC, "extra": ABC})
    assert approved.differences(actual) == (
        "MLmodel is missing",
        "extra was added",
        "model.onnx was changed",
    )


def test_requiring_raises_with_the_owner_and_every_difference() -> None:
    approved = Manifest({"MLmodel": ABC, "model.onnx": ABC})
    with pytest.raises(BytesMismatch) as refusal:
        approved.require(Manifest({"model.onnx": EMPTY}), "the copy")
    assert str(refusal.value) == "the copy: MLmodel is missing; model.onnx was changed"


def test_equal_files_satisfy_the_requirement(folder: Path) -> None:
    approved = Manifest({"data/weights": EMPTY, "MLmodel": ABC})
    approved.require(Manifest.of(folder), "the copy")
    assert approved.differences(Manifest.of(folder)) == ()
