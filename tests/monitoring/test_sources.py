from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from monitoring.sources import data_files, first_line, scan
from registry.errors import UsageError
from registry.storage.container import open_container


def test_a_folder_has_the_files_that_are_whole_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2.parquet", "a/1.parquet", "a/partial-3.parquet", ".x/4.parquet", "a/note.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    found = data_files(str(tmp_path))

    assert [str(each.relative_to(tmp_path)) for each in found] == ["a/1.parquet", "b/2.parquet"]


@pytest.mark.parametrize(
    ("names", "message"), [((), "no Parquet or CSV files"), (("a.csv", "b.parquet"), "one kind")]
)
def test_no_files_and_files_of_two_kinds_are_refused(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(UsageError, match=message):
        data_files(str(tmp_path))


def test_csv_is_text_and_blanks_are_null(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,fraud\n007,\n")

    assert scan(data_files(str(tmp_path))).collect().rows() == [("007", None)]


def test_a_column_that_a_later_file_lacks_is_null_there(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["a"], "amount": [1.0]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"id": ["b"], "more": [1]}).write_parquet(tmp_path / "2.parquet")

    assert scan(data_files(str(tmp_path))).collect().rows() == [("a", 1.0), ("b", None)]


def test_blobs_are_downloaded_once(blobs: str, tmp_path: Path) -> None:
    cache, file = tmp_path / "cache", tmp_path / "x.parquet"
    pl.DataFrame({"id": ["a"]}).write_parquet(file)
    with open_container(blobs) as container:
        container.upload(file, "records/hour=1/x.parquet")
        [copy] = data_files(f"{blobs}/records", cache)
        before = copy.stat().st_mtime_ns
        container.upload(file, "records/hour=2/y.parquet")

    again = data_files(f"{blobs}/records", cache)

    assert [each.parent.name for each in again] == ["hour=1", "hour=2"]
    assert again[0].stat().st_mtime_ns == before


def test_the_message_of_a_library_becomes_one_line() -> None:
    assert first_line(ValueError("bad\tcell\nmore")) == "bad\\tcell"
