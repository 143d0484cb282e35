"""A path, a glob or an address names files of one kind, with the same columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from batch.inputs import check_columns, digests, input_files, is_below
from registry.errors import UsageError
from registry.storage.container import open_container
from tests.batch.test_files import put, rows_of


def test_a_folder_or_a_glob_names_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b/2.csv", "b/1.csv", "a.csv", "_SUCCESS.csv", "readme.txt"):
        put(tmp_path / name)

    assert [file.name for file in input_files(str(tmp_path))] == ["a.csv", "b/1.csv", "b/2.csv"]
    found = input_files(f"{tmp_path}/b/*.csv")
    assert [file.path.name for file in found] == ["1.csv", "2.csv"]
    assert list(digests(found)) == [f"{tmp_path}/b/1.csv", f"{tmp_path}/b/2.csv"]
    with pytest.raises(UsageError, match=r"no data at .*/c; pass a Parquet or CSV file"):
        input_files(f"{tmp_path}/c")
    put(tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="names both Parquet and CSV files: pass one kind"):
        input_files(str(tmp_path))


def test_an_address_in_blob_storage_is_downloaded(
    blobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.inputs.CACHE", tmp_path / "cache")
    file = put(tmp_path / "a.csv")
    with open_container(blobs) as container:
        container.upload(file.path, "night/a.csv")

    for address in (f"{blobs}/night", f"{blobs}/night/a.csv", f"{blobs}/n*/*.csv"):
        [found] = input_files(address)
        assert found.name in ("a.csv", "night/a.csv")
        assert rows_of(found) == rows_of(file)


def test_all_files_need_the_columns_with_one_type(tmp_path: Path) -> None:
    for name, values in {"a": ["1"], "b": [1]}.items():
        parquet.write_table(pa.table({"x": values, name: [0]}), tmp_path / f"{name}.parquet")
    files = input_files(str(tmp_path))

    with pytest.raises(UsageError, match=r"b\.parquet has no column 'a'; its columns are x, b"):
        check_columns(files, ["a"])
    with pytest.raises(UsageError, match=r"column 'x' is of type int64 in b\.parquet, but string"):
        check_columns(files, ["x"])
    check_columns(files[:1], ["a"])


def test_an_output_below_the_input_would_be_read_as_input(tmp_path: Path) -> None:
    account = "@fraud.blob.core.windows.net"
    assert is_below(f"{tmp_path}/a/../b", str(tmp_path))
    assert not is_below(f"{tmp_path}/../b", str(tmp_path))
    assert is_below(f"wasbs://data{account}/night/scores", f"wasbs://data{account}/night")
    assert is_below(f"wasbs://data{account}/night", f"wasbs://data{account}")
    assert not is_below(f"wasbs://data{account}/nights", f"wasbs://data{account}/night")
    assert not is_below(f"wasbs://scores{account}/night", f"wasbs://data{account}/night")
    assert not is_below(f"wasbs://data{account}/night", "wasbs:")
