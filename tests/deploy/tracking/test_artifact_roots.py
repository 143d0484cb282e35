"""Files of a folder are listed and copied, whole or not at all, and never over others."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.tracking.artifact_roots import open_root
from registry.errors import NotFound, UsageError

HELLO_SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file = tmp_path / "root" / "3" / "hello"
    file.parent.mkdir(parents=True)
    file.write_text("hello")
    (tmp_path / "root" / "link").symlink_to("/etc/passwd")
    return tmp_path / "root"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_are_listed_without_links_and_copied(folder: Path, scheme: str) -> None:
    root = open_root(f"{scheme}{folder}")

    [stored] = root.list()

    assert (stored.name, stored.size) == ("3/hello", 5)
    assert root.download("3/hello", folder.parent / "copy") == HELLO_SHA256
    assert (folder.parent / "copy").read_text() == "hello"


def test_a_file_that_changes_has_another_etag(folder: Path) -> None:
    root = open_root(str(folder))
    [before] = root.list()
    (folder / "3" / "hello").write_text("other")

    [after] = root.list()

    assert before.etag != after.etag


def test_what_is_there_stays_and_other_content_is_refused(folder: Path) -> None:
    root = open_root(str(folder))
    other = folder.parent / "other"
    other.write_text("other")
    root.upload(other, "4/new")
    for _ in range(2):
        root.upload(folder / "3" / "hello", "3/hello")

    with pytest.raises(UsageError, match="hello has other content"):
        root.upload(other, "3/hello")
    assert (folder / "3" / "hello").read_text() == "hello"
    assert (folder / "4" / "new").read_text() == "other"


def test_a_missing_folder_is_not_an_empty_one(folder: Path) -> None:
    root = open_root(str(folder / "away"))

    with pytest.raises(NotFound, match="away is not a folder; is its disk mounted"):
        list(root.list())


def test_a_url_is_decoded_and_a_path_is_not(folder: Path) -> None:
    (folder / "a b").mkdir()
    (folder / "a b" / "file").touch()

    assert [file.name for file in open_root(f"file://{folder}/a%20b").list()] == ["file"]
    with pytest.raises(NotFound):
        list(open_root(f"{folder}/a%20b").list())


@pytest.mark.parametrize("name", ["../out", "/out", "3/../../out", ""])
def test_a_name_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="outside its folder"):
        open_root(str(folder)).upload(folder / "3" / "hello", name)
